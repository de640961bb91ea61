#!/no/such/interpreter
x
