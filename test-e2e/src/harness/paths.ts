import { join } from 'node:path';

/** Root of the project, and what its build made. */
export const projectRoot = join(__dirname, '../../..');
export const pinnedNode = join(projectRoot, 'node_modules', `node-linux-${process.arch}`, 'bin/node');
export const bundles = join(projectRoot, 'dist/lib/gantry');
export const nativeProgram = join(projectRoot, 'dist/gantry-native');
/** Folder with the API's descriptions (engine-api-v1.41.yaml …), which are not part of the project; empty: there is none. */
export const swaggerFolder = process.env['DOCKER_API_SPEC'] ?? '';
