/** The version that was built in; 0.0.0 when run from the sources. */
export function version(): string {
  return process.env['GANTRY_VERSION'] ?? '0.0.0';
}

/** The commit that it was built from. */
export function commit(): string {
  return process.env['GANTRY_COMMIT'] ?? 'unknown';
}
