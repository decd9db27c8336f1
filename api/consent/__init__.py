"""The endpoints under /api/opt-outs and /api/opt-ins, and the consent of a contact."""

from __future__ import annotations

from api.consent.contact_consent import get_contact_consent
from api.consent.listing import list_opt_outs
from api.consent.recording import add_opt_in, add_opt_out

ENDPOINTS = (list_opt_outs, add_opt_out, add_opt_in, get_contact_consent)
