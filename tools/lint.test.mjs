// Shows that the floors hold: a forbidden import fails by name, an allowed one passes. Run: tools/node --test tools/lint.test.mjs
import assert from 'node:assert/strict';
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ESLint } from 'eslint';

const root = join(import.meta.dirname, '..');

/** Only the rule of the floors, so that the texts need no project. */
const eslint = new ESLint({
  cwd: root,
  overrideConfig: [
    {
      files: ['**/*.ts'],
      languageOptions: { parserOptions: { project: null } },
      rules: Object.fromEntries(
        [
          'no-floating-promises',
          'no-misused-promises',
          'only-throw-error',
          'switch-exhaustiveness-check',
          'consistent-type-imports',
          'no-unused-vars',
        ].map((name) => [`@typescript-eslint/${name}`, 'off']),
      ),
    },
  ],
});

async function complaints(file, code) {
  const [result] = await eslint.lintText(code, { filePath: join(root, file) });
  return result.messages.map(({ message }) => message).join('\n');
}

const importing = (name) => `import { x } from '${name}';\nexport const y = x;\n`;

for (const [file, name] of [
  ['packages/gateway/src/probe.ts', '@gantry/supervisor'],
  ['packages/supervisor/src/probe.ts', '@gantry/images'],
  ['packages/images/src/deep/probe.ts', '@gantry/network'],
  ['packages/network/src/probe.ts', '@gantry/shim/testing'],
  ['packages/supervisor/src/probe.ts', '@gantry/runtime'],
  ['packages/shim/src/probe.ts', '@gantry/launcher'],
  ['packages/lib/rpc/src/probe.ts', '@gantry/service'],
  ['packages/lib/oci/src/probe.ts', '@gantry/rpc'],
  ['packages/native/src/probe.ts', '@gantry/rpc'],
  ['packages/gateway/src/probe.ts', '@gantry/native'],
  ['packages/lib/linux/src/probe.ts', '@gantry/shim'],
  ['packages/gateway/src/routes/probe.ts', '../../../supervisor/src/docker'],
  ['packages/lib/spec/src/probe.ts', '@gantry/supervisor'],
  ['packages/lib/dockerfile/src/probe.ts', '@gantry/oci'],
  ['packages/lib/docker-api/src/probe.ts', '@gantry/spec'],
  ['packages/lib/registry/src/probe.ts', '@gantry/service'],
  ['packages/gateway/src/probe.ts', '@gantry/registry'],
  ['packages/gateway/src/probe.ts', '@gantry/spec'],
  ['packages/supervisor/src/probe.ts', '@gantry/docker-api'],
  ['packages/gateway/src/probe.ts', '@gantry/rpc/src/errors'],
  ['test-e2e/src/probe.ts', '@gantry/supervisor'],
]) {
  test(`${file} may not import ${name}`, async () => {
    assert.match(await complaints(file, importing(name)), /may import of ours|by its name|by its doors/);
  });
}

for (const [file, name] of [
  ['packages/supervisor/src/core/start/probe.ts', '../../docker/records'],
  ['packages/supervisor/src/core/probe.ts', '../containerd/identifiers'],
  ['packages/supervisor/src/docker/start/probe.ts', '../../containerd/identifiers'],
  ['packages/supervisor/src/containerd/probe.ts', '../docker/status'],
]) {
  test(`${file} may not enter ${name}`, async () => {
    assert.match(await complaints(file, importing(name)), /may not enter the room/);
  });
}

test('a room keeps the floor of its package', async () => {
  assert.match(await complaints('packages/supervisor/src/core/probe.ts', importing('@gantry/images')), /may import of ours/);
});

for (const [file, name] of [
  ['packages/supervisor/src/docker/start/probe.ts', '../../core/records'],
  ['packages/supervisor/src/docker/start/probe.ts', '../create/names'],
  ['packages/supervisor/src/containerd/probe.ts', '../core/records'],
  ['packages/supervisor/src/probe.ts', './docker/events'],
  ['packages/gateway/src/probe.ts', '@gantry/api/gantry/engine/v1/containers'],
  ['packages/gateway/src/probe.ts', '@gantry/rpc'],
  ['packages/gateway/src/routes/containers/probe.ts', '../images/list'],
  ['packages/shim/src/probe.ts', '@gantry/runtime'],
  ['packages/launcher/src/probe.ts', '@gantry/supervisor'],
  ['packages/lib/oci/src/probe.ts', '@gantry/rpc/errors'],
  ['packages/native/src/probe.ts', '@gantry/rpc/errors'],
  ['packages/images/src/probe.ts', '@gantry/native'],
  ['packages/images/src/probe.ts', '@gantry/dockerfile'],
  ['packages/images/src/probe.ts', '@gantry/registry'],
  ['packages/builder/src/probe.ts', '@gantry/registry'],
  ['packages/lib/linux/src/probe.ts', '@gantry/rpc/errors'],
  ['packages/lib/spec/src/probe.ts', '@gantry/oci'],
  ['packages/supervisor/src/probe.ts', '@gantry/spec'],
  ['packages/gateway/src/probe.ts', '@gantry/docker-api'],
]) {
  test(`${file} may import ${name}`, async () => {
    assert.equal(await complaints(file, importing(name)), '');
  });
}

test('the environment is read in config.ts only', async () => {
  const code = 'export const home = process.env["HOME"];\n';
  assert.match(await complaints('packages/images/src/probe.ts', code), /only config.ts/);
  assert.equal(await complaints('packages/images/src/config.ts', code), '');
});

test('an expression is made of a text in few places', async () => {
  const code = 'export const form = (text: string): RegExp => new RegExp(text);\n';
  assert.match(await complaints('packages/images/src/probe.ts', code), /compilePattern/);
  assert.equal(await complaints('packages/gateway/src/http/router.ts', code), '');
});

test('a duration that is no constant goes through the timer', async () => {
  for (const code of [
    'export const x = (ms: number): unknown => setTimeout(() => undefined, ms);\n',
    'export const x = (ms: number): unknown => setInterval(() => undefined, ms * 1000);\n',
    'export const x = (ms: number): unknown => AbortSignal.timeout(ms);\n',
    "import { setTimeout } from 'node:timers/promises';\nexport const x = setTimeout;\n",
  ])
    assert.match(await complaints('packages/images/src/probe.ts', code), /after, every, pause/);
  for (const delay of ['100', 'RETRY_MS'])
    assert.equal(await complaints('packages/images/src/probe.ts', `setTimeout(() => undefined, ${delay});\n`), '');
});

test('the file system is not waited for in a request', async () => {
  const code = "import { existsSync } from 'node:fs';\nexport const x = existsSync;\n";
  assert.match(await complaints('packages/supervisor/src/docker/list/probe.ts', code), /Looker/);
  assert.match(
    await complaints('packages/gateway/src/routes/probe.ts', "import fs from 'node:fs';\nexport const x = fs.statSync('/x');\n"),
    /Looker/,
  );
  for (const file of ['supervisor/src/docker/looks/probe.ts', 'supervisor/src/config.ts', 'runtime/src/probe.ts'])
    assert.equal(await complaints(`packages/${file}`, code), '');
});

test('doors name what they export', async () => {
  assert.match(await complaints('packages/images/src/index.ts', "export * from './store';\n"), /name what a door exports/);
});

test('a failure is told by its code', async () => {
  const code = (file, test) => complaints(file, `export const missing = (error: Error): boolean => ${test};\n`);
  for (const test of ["error.message.includes('no such file')", '/no such file/.test(error.message)'])
    assert.match(await code('packages/supervisor/src/docker/probe.ts', test), /a message is for people/);
  assert.equal(await code('packages/supervisor/src/docker/probe.ts', "error.name === 'AbortError'"), '');
  assert.equal(await code('packages/shim/src/drivers/launch-failure.ts', '/no such file/.test(error.message)'), '');
});

test('any is refused', async () => {
  assert.match(await complaints('packages/images/src/probe.ts', 'export const x = (y: any): unknown => y;\n'), /any/);
});

/** The C program's folders, lowest first, as packages/native/Makefile names them. */
test('a folder of the C program includes only from those before it', () => {
  const native = join(root, 'packages/native');
  const folders = /^FOLDERS := (.*)$/m.exec(readFileSync(join(native, 'Makefile'), 'utf8'))[1].split(' ');
  const beyond = { runc: ['monitor'], layers: ['plan', 'init', 'launch', 'monitor', 'runc'] }; // siblings that have nothing to do with each other
  const wrong = [];
  folders.forEach((folder, floor) => {
    const allowed = folders.slice(0, floor + 1).filter((name) => !beyond[folder]?.includes(name));
    for (const file of readdirSync(join(native, folder)).filter((name) => /\.[ch]$/.test(name))) {
      for (const [, path] of readFileSync(join(native, folder, file), 'utf8').matchAll(/#include "([^"]+)"/g)) {
        if (!allowed.includes(path.split('/')[0])) wrong.push(`${folder}/${file} includes ${path}`);
      }
    }
  });
  assert.deepEqual(wrong, []);
});

test('each package names the packages of ours that it imports, and no others', () => {
  const manifests = globSync(['packages/**/package.json', 'test-e2e/package.json'], {
    cwd: root,
    exclude: ['**/node_modules/**', '**/dist/**'],
  });
  const folders = manifests.map((file) => dirname(file));
  for (const folder of folders) {
    const { name, dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const [shipped, tested] = [new Set(), new Set()];
    for (const file of globSync('**/*.ts', { cwd: join(root, folder), exclude: ['**/node_modules/**', '**/dist/**'] })) {
      if (folders.some((other) => other.startsWith(`${folder}/`) && join(folder, file).startsWith(`${other}/`))) continue;
      const into = /\.test\.ts$|(^|\/)testing\//.test(file) ? tested : shipped;
      const text = readFileSync(join(root, folder, file), 'utf8');
      for (const [, found] of text.matchAll(/(?:from|import|require\()\s*'(@gantry\/[a-z-]+)/g)) if (found !== name) into.add(found);
    }
    const ours = (all) =>
      Object.keys(all)
        .filter((each) => each.startsWith('@gantry/'))
        .sort();
    assert.deepEqual(
      { folder, shipped: ours(dependencies), tested: ours(devDependencies) },
      { folder, shipped: [...shipped].sort(), tested: [...tested].filter((each) => !shipped.has(each)).sort() },
    );
  }
});
