import { join } from 'node:path';

/** Root of the project, and what its build made. */
export const projectRoot = join(__dirname, '../../..');
export const pinnedNode = join(projectRoot, 'node_modules', `node-linux-${process.arch}`, 'bin/node');
export const bundles = join(projectRoot, 'dist/lib/gantry');
export const swaggerFolder = join(projectRoot, '../shared/specs');
