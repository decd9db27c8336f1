-- name: recipient_of
SELECT deliveries.church_id, churches.name AS church_name, deliveries.address,
       EXISTS (
           SELECT FROM opt_outs
           WHERE opt_outs.church_id = deliveries.church_id AND opt_outs.address = deliveries.address
       ) AS opted_out
FROM deliveries
JOIN churches ON churches.church_id = deliveries.church_id
WHERE deliveries.delivery_id = :delivery_id AND deliveries.address IS NOT NULL;

-- name: opt_out!
INSERT INTO opt_outs (church_id, address, source)
VALUES (:church_id, :address, :source)
ON CONFLICT (church_id, address) DO NOTHING;
