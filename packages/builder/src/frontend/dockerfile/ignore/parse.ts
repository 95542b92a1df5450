import { posix } from 'node:path';

/** The patterns of a .dockerignore: no comments, no empty lines, cleaned, relative to the context. */
export function parseIgnoreFile(text: string): string[] {
  const patterns: string[] = [];
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const trimmed = line.trim();
    if (trimmed === '') continue;
    const invert = trimmed.startsWith('!');
    const pattern = invert ? trimmed.slice(1).trim() : trimmed;
    patterns.push(`${invert ? '!' : ''}${cleaned(pattern)}`);
  }
  return patterns;
}

function cleaned(pattern: string): string {
  if (pattern === '') return pattern;
  const clean = posix.normalize(pattern).replace(/(?<=.)\/$/, '');
  return clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean;
}
