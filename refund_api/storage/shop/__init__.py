"""What the shop tells of its orders, and an order as an operator looks at it."""
