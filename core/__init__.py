"""What every folder shares: settings, errors, the domain's types, progress. Imports no sibling."""
