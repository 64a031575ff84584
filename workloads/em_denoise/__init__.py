"""em_denoise: noise taken out of electron micrographs of graphene."""
