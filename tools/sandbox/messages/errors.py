"""Twilio's errors: HTTP status and text by code. https://www.twilio.com/docs/api/errors"""

from typing import Final

from tools.sandbox.wire.reply import Reply, respond_json

ERRORS: Final[dict[int, tuple[int, str]]] = {
    10001: (403, "Account is not active"),
    20001: (400, "Invalid parameter: {0}"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20005: (403, "Account is not active"),
    20007: (400, "Page size is too large"),
    20404: (404, "The requested resource {0} was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    21211: (400, "Invalid 'To' Phone Number: {0}"),
    21212: (400, "Invalid 'From' Phone Number: {1}"),
    21265: (400, "'To' number {0} cannot be a Short Code"),
    21266: (400, "'To' and 'From' number cannot be the same: {0}"),
    21408: (
        400,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {0}",
    ),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The 'From' phone number {1} is not a valid, message-capable number for your account."),
    21608: (400, "The number {0} is unverified. Trial accounts cannot send messages to unverified numbers"),
    21609: (400, "The StatusCallback URL {0} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (400, "The 'To' phone number {0} is not currently reachable using the 'From' phone number {1}"),
    21614: (400, "'To' number {0} is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21620: (400, "Invalid media URL: {0}"),
    21621: (400, "The 'From' phone number {1} has not been enabled for MMS"),
    21623: (400, "Number of media files exceeds allowed limit"),
    21635: (400, "'To' number {0} cannot be a landline"),
    21659: (400, "{1} is not a Twilio phone number or Short Code"),
    21660: (400, "Mismatch between the 'From' number {1} and the account"),
    21703: (400, "The Messaging Service contains no phone numbers"),
    21705: (400, "The Messaging Service is invalid"),
}
"""Errors at submission. {0} and {1} stand for the values concerned, such as the To and the From number."""

LATER_ERRORS: Final[dict[int, str]] = {
    11200: "HTTP retrieval failure",
    11751: "Media Message - Media exceeds messaging provider size limit",
    12300: "Invalid Content-Type",
    30001: "Queue overflow",
    30002: "Account suspended",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30011: "MMS not supported by the receiving phone number in this region",
    30019: "Content size exceeds carrier limit",
    30022: "US A2P 10DLC - Rate Limits Exceeded",
    30023: "US A2P 10DLC - Daily Message Cap Reached",
    30027: "US A2P 10DLC - T-Mobile Daily Message Limit Reached",
    30034: "US A2P 10DLC - Message from an Unregistered Number",
    63019: "Media failed to download",
    63038: "Account exceeded the daily messages limit",
}
"""Errors of messages that failed after acceptance."""


def refuse(code: int, *about: str) -> Reply:
    """Return the error reply with this code: {code, message, more_info, status}."""
    status, message = ERRORS[code]
    return respond_json(
        status,
        {
            "code": code,
            "message": message.format(*about),
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        },
    )
