"""City identification: folders of sites, manifests, packages, pages."""
