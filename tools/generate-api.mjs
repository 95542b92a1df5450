// Generates the api package. Only files that differ are replaced, each by a rename, so that a running build or test never sees half a tree.
// --force generates even when nothing changed.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { fieldTables } from './api-fields.mjs';
import { linkWorkspaces } from './link-workspaces.mjs';

const root = resolve(import.meta.dirname, '..');
linkWorkspaces(root);
const packageRoot = join(root, 'packages/lib/api/src');
const gen = join(packageRoot, 'gen');
const stampFile = join(gen, '.stamp');
const require = createRequire(join(root, 'package.json'));

/** Every regular file below dir, relative, sorted. */
function files(dir) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort();
}

/** What the output depends on: sources, configuration, this script, the plugin's and buf's versions. */
function stamp() {
  const hash = createHash('sha256');
  const add = (name, content) => hash.update(`${name}\0${content.length}\0`).update(content);
  for (const file of files(join(root, 'proto'))) add(file, readFileSync(join(root, 'proto', file)));
  for (const file of ['buf.yaml', 'buf.gen.yaml', 'tools/generate-api.mjs', 'tools/api-fields.mjs'])
    add(file, readFileSync(join(root, file)));
  for (const name of ['ts-proto', '@bufbuild/buf']) add(name, require(`${name}/package.json`).version);
  return hash.digest('hex');
}

function buf(...args) {
  try {
    execFileSync(join(root, 'node_modules/.bin/buf'), args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  } catch (error) {
    throw new Error(`generate-api: buf ${args[0]} failed`, { cause: error });
  }
}

const current = stamp();
if (!process.argv.includes('--force') && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === current) process.exit(0);

mkdirSync(gen, { recursive: true });
const scratch = mkdtempSync(join(packageRoot, '.gen-'));
try {
  buf('generate', '-o', scratch);
  const made = join(scratch, 'packages/lib/api/src/gen');
  buf('build', '--exclude-source-info', '-o', join(scratch, 'set.binpb'));
  const set = readFileSync(join(scratch, 'set.binpb'));
  writeFileSync(join(made, 'engine-fields.ts'), fieldTables(set));
  const packed = brotliCompressSync(set).toString('base64');
  writeFileSync(
    join(made, 'descriptor-set.ts'),
    `/** google.protobuf.FileDescriptorSet of proto/, brotli, base64. */\nexport const packedDescriptorSet =\n  '${packed}';\n`,
  );

  const wanted = new Set(files(made));
  for (const file of wanted) {
    const content = readFileSync(join(made, file));
    const target = join(gen, file);
    if (existsSync(target) && readFileSync(target).equals(content)) continue;
    mkdirSync(dirname(target), { recursive: true });
    renameSync(join(made, file), target);
  }
  for (const file of files(gen)) if (!wanted.has(file)) rmSync(join(gen, file));
  writeFileSync(join(scratch, 'stamp'), current);
  renameSync(join(scratch, 'stamp'), stampFile);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
