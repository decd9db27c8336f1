"""The product's worker with failpoints: named places in its jobs where a fault run can kill or stall it."""
