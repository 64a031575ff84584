"""dms_scatter: crystal phases from diffuse multiple scattering of X-rays."""
