"""Electron micrographs, made by the physics of the microscope and of its camera, for all benchmarks that need any."""
