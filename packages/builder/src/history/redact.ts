/** A value without the name and the password of a URL in it: what is written down must not hold them. */
export function redactUrl(value: string): string {
  const start = value.indexOf('://');
  if (start < 0 || !/^[a-z][a-z0-9+.-]*$/i.test(value.slice(0, start))) return value;
  const rest = value.slice(start + 3);
  const end = rest.search(/[/?#]/);
  const authority = end < 0 ? rest : rest.slice(0, end);
  const at = authority.lastIndexOf('@');
  if (at < 0) return value;
  const hidden = authority.slice(0, at).includes(':') ? 'xxxxx:xxxxx' : 'xxxxx';
  return `${value.slice(0, start + 3)}${hidden}${rest.slice(at)}`;
}

/** Attributes of a frontend as they are kept. */
export function redactAttributes(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, redactUrl(value)]));
}
