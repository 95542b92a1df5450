import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pinnedNode, projectRoot } from '../../../test-e2e/src/harness/paths';

/** An image that stresses one thing. Its files are text with noise: gzip makes some 40 % of them, as of real images. */
export interface Shape {
  readonly name: string;
  /** In references and file names. */
  readonly key: string;
  /** For tools/make-image.mjs. */
  readonly options: readonly string[];
}

export const shapes: readonly Shape[] = [
  { name: '300 MB in few files', key: 'large', options: ['--megabytes', '300', '--layers', '3'] },
  { name: '40,000 small files', key: 'many', options: ['--files', '40000', '--layers', '3'] },
  { name: '60 layers', key: 'deep', options: ['--megabytes', '60', '--layers', '60'] },
];

/** The shape's docker archive, of layers that are not compressed. */
export function makeArchive(shape: Shape, folder: string): string {
  const out = join(folder, `${shape.key}.tar`);
  execFileSync(pinnedNode, [
    join(projectRoot, 'tools/make-image.mjs'),
    '--out',
    out,
    '--name',
    `${shape.key}:latest`,
    '--content',
    'text',
    ...shape.options,
  ]);
  return out;
}
