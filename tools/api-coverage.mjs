// Writes docs/api-coverage.md: tools/node tools/api-coverage.mjs [TABLE]
// TABLE, or $DOCKER_API_ENDPOINTS, is a tab-separated table of the API's operations with a heading (method, path, operation_id, query_params). Without one the
// operations that the document has are asked for anew. The gateway runs before an engine that answers nothing: what it reads is looked at, not what it gets.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const table = process.argv[2] ?? process.env.DOCKER_API_ENDPOINTS ?? '';
if (table !== '' && !existsSync(table)) throw new Error(`there is no ${table}`);
if (table === '' && !existsSync(join(root, 'docs/api-coverage.md'))) throw new Error('a table is needed for the first time');
const jest = join(root, 'node_modules/jest/bin/jest.js');
const { status } = spawnSync(process.execPath, [jest, '--roots', 'packages/gateway', '--', 'api-coverage'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, DOCKER_API_ENDPOINTS: table, GANTRY_API_COVERAGE: 'write' },
});
process.exitCode = status ?? 1;
