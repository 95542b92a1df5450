import { readFileSync } from 'node:fs';
import { type IdRemap, readRemap } from './subordinate-ids';

/** The setting with this host's files. */
export function readHostRemap(value: string): IdRemap | undefined {
  if (value === '') return undefined;
  return readRemap(value, { passwd: text('passwd'), group: text('group'), subuid: text('subuid'), subgid: text('subgid') });
}

function text(name: string): string {
  try {
    return readFileSync(`/etc/${name}`, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
