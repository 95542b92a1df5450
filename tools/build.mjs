// Builds everything that is shipped: the C program and one bundle a service.
//   dist/gantry-native            the static C program
//   dist/gantry-runc              the same by another name: the OCI runtime's command line
//   dist/gantry-init              the static init of --init containers
//   dist/lib/gantry/<name>.cjs    what is started of a service: takes what V8 compiled of the program from `compiled`
//   dist/lib/gantry/<name>.program.cjs    the program, one CommonJS file, koffi outside
//   dist/lib/gantry/compiled      V8's code of the programs as far as a start needs it (ADR 0351)
//   dist/lib/gantry/descriptors.binpb  for gRPC reflection
// Usage: tools/node tools/build.mjs [--native | --bundles]
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'dist/lib/gantry');
const only = process.argv[2];
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

export const entries = {
  gantryd: 'packages/gateway/src/main.ts',
  'gantry-supervisor': 'packages/supervisor/src/main.ts',
  'gantry-supervisor-looks': 'packages/supervisor/src/looks-main.ts',
  'gantry-images': 'packages/images/src/main.ts',
  'gantry-images-looks': 'packages/images/src/looks-main.ts',
  'gantry-network': 'packages/network/src/main.ts',
  'gantry-shim': 'packages/shim/src/main.ts',
  'gantry-build': 'packages/builder/src/main.ts',
  'gantry-cri': 'packages/cri/src/main.ts',
  gantry: 'packages/launcher/src/main.ts',
  'gantry-runc': 'packages/runtime/src/cli/main.ts',
  'containerd-shim-gantry-v2': 'packages/shim/src/containerd-shim/main.ts',
};

/** Programs that answer looks: started within a service, and too small to gain anything. */
const isLooks = (name) => name.endsWith('-looks');

/** V8 holds a program's text, all of it in two bytes a character where one character needs them. esbuild escapes those in strings; in regular expressions whoever writes them does (ADR 0436). */
function checkText(file) {
  const text = readFileSync(file, 'utf8');
  const at = text.search(/[\u0080-\uffff]/);
  if (at >= 0) throw new Error(`${file}: write this with an escape such as \\u00b5: ${text.slice(Math.max(at - 40, 0), at + 20)}`);
}

/** The file that is started: V8 need not compile again what a start of the program always runs. Portable: an installed tree lies elsewhere. */
const starter = (name) =>
  `require('node:module').enableCompileCache?.({ directory: __dirname + '/compiled', portable: true });\nrequire('./${name}.program.cjs');\n`;

/** What is built; `unknown` outside a repository. */
function commit() {
  const { stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' });
  return stdout?.trim() || 'unknown';
}

if (only !== '--bundles') {
  execFileSync('make', ['-s', '-C', join(root, 'packages/native'), '-j2'], { stdio: 'inherit' });
  execFileSync('make', ['-s', '-C', join(root, 'packages/native/docker-init')], { stdio: 'inherit' });
  const runc = join(root, 'dist/gantry-runc');
  rmSync(runc, { force: true });
  symlinkSync('gantry-native', runc);
}
if (only !== '--native') {
  execFileSync(join(root, 'tools/generate-api'), { stdio: 'inherit' });
  mkdirSync(out, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: Object.entries(entries).map(([name, path]) => ({ in: path, out: name })),
    outdir: out,
    outExtension: { '.js': '.program.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    external: ['koffi'],
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: 'linked',
    legalComments: 'none',
    logLevel: 'warning',
    define: { 'process.env.GANTRY_VERSION': JSON.stringify(version), 'process.env.GANTRY_COMMIT': JSON.stringify(commit()) },
  });
  for (const name of Object.keys(entries)) {
    checkText(join(out, `${name}.program.cjs`));
    if (isLooks(name)) renameSync(join(out, `${name}.program.cjs`), join(out, `${name}.cjs`));
    else writeFileSync(join(out, `${name}.cjs`), starter(name));
  }
  // koffi is native: it travels beside the bundles, without its sources.
  const modules = join(out, 'node_modules');
  rmSync(modules, { recursive: true, force: true });
  mkdirSync(join(modules, '@koromix'), { recursive: true });
  for (const name of ['koffi', '@koromix/koffi-linux-x64', '@koromix/koffi-linux-arm64']) {
    const from = join(root, 'node_modules', name);
    if (!existsSync(from)) continue;
    cpSync(from, join(modules, name), {
      recursive: true,
      filter: (path) => !/\/koffi\/(vendor|doc|lib)(\/|$)|\/musl_|\.(cc|hh|h|inc|S|asm|md)$/.test(path),
    });
  }
  rmSync(join(out, 'compiled'), { recursive: true, force: true });
  for (const name of Object.keys(entries))
    if (!isLooks(name)) execFileSync(process.execPath, [join(out, `${name}.cjs`), '--version'], { stdio: 'ignore' });
}
