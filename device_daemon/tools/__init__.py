"""What the model may do on this device: the tools, and the toolbox that runs them."""
