import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What shims get as -publish-binary: a program with the command line of containerd's `publish`. */
export const publisherPath = (run: string): string => join(run, 'shim', 'publish');

/** Writes it: one line that hands everything on to gantry-native, with the socket that takes events. */
export function writePublisher(run: string, native: string, events: string): void {
  writeFileSync(publisherPath(run), `#!/bin/sh\nexec ${quoted(native)} publish ${quoted(events)} "$@"\n`, { mode: 0o700 });
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
