/** JSON.parse that keeps integers beyond 2^53 exact, as bigint (config.json writes RLIM_INFINITY as 18446744073709551615). Throws SyntaxError. */
export function parseJson(text: string): unknown {
  // A reviver costs some milliseconds for a whole config.json; integers beyond 2^53 have sixteen digits at least, and no quote before them.
  if (!/[[:,\s]-?\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, function (this: unknown, _key: string, value: unknown, context?: { source?: string }) {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? '';
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  } as (key: string, value: unknown) => unknown);
}

const raw = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** JSON.stringify that writes bigint as a plain integer. */
export function formatJson(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent); // a replacer is called for every value: only where a bigint asks for it
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? raw(String(item)) : item), indent);
  }
}
