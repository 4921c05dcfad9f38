"""The Snakemake workflow: rules, profiles, schemas, and the bridge to DVC."""
