export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Reads `Bearer realm="…",service="…"` (RFC 9110 11.6.1), several schemes too. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  const pattern = /([A-Za-z][A-Za-z0-9-]*)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?\s*,?\s*/gy;
  for (let match = pattern.exec(header); match !== null && match[0] !== ''; match = pattern.exec(header)) {
    const [, word = '', quoted, plain] = match;
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    if (value === undefined) challenges.push({ scheme: word.toLowerCase(), parameters: {} });
    else {
      const last = challenges.at(-1);
      if (last !== undefined) last.parameters[word.toLowerCase()] = value;
    }
  }
  return challenges;
}
