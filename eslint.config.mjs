// What a reviewer would otherwise have to say: floors, floating promises, exhaustive switches, thrown things, the environment.
import tseslint from 'typescript-eslint';

/** Package folder → what of ours it may import. Floors go down only; services never import each other (docs: design, the tree). */
export const floors = {
  'packages/lib/api': [],
  'packages/lib/aws': [],
  'packages/lib/rpc': ['api'],
  'packages/lib/oci': ['rpc/errors'],
  'packages/lib/dockerfile': ['rpc/errors'],
  'packages/lib/linux': ['rpc/errors', 'rpc/timer'],
  'packages/lib/registry': ['api', 'rpc', 'oci'],
  'packages/lib/spec': ['api', 'rpc', 'oci'],
  'packages/lib/docker-api': ['api', 'rpc'],
  'packages/lib/service': ['api', 'rpc', 'linux'],
  'packages/native': ['rpc/errors'],
  'packages/streaming': ['rpc'],
  'packages/runtime': ['api', 'rpc', 'service', 'oci', 'linux', 'native'],
  'packages/gateway': ['api', 'rpc', 'service', 'oci', 'linux', 'docker-api'],
  'packages/supervisor': ['api', 'aws', 'rpc', 'service', 'oci', 'linux', 'spec', 'native'],
  'packages/images': ['api', 'rpc', 'service', 'oci', 'registry', 'dockerfile', 'linux', 'native'],
  'packages/network': ['api', 'rpc', 'service', 'oci', 'linux'],
  'packages/builder': ['api', 'aws', 'rpc', 'service', 'oci', 'registry', 'dockerfile', 'linux', 'spec', 'native'],
  'packages/cri': ['api', 'rpc', 'service', 'oci', 'linux', 'spec', 'streaming'],
  'packages/shim': ['api', 'rpc', 'service', 'oci', 'linux', 'native', 'runtime'],
  'packages/launcher': ['api', 'rpc', 'service', 'oci', 'linux', 'gateway', 'supervisor', 'images', 'network', 'shim', 'builder', 'cri'],
  'test-e2e': ['api', 'rpc', 'oci', 'linux', 'streaming/testing'],
  // What others would have, too: the wire and how it is spoken.
  'examples/wasi-runtime': ['api', 'rpc'],
};

const packages =
  'api|aws|rpc|oci|registry|dockerfile|linux|spec|docker-api|service|streaming|native|runtime|gateway|supervisor|images|network|shim|builder|cri|launcher';

/** Rooms of a package: room → rooms beside it that it may not enter. The supervisor's faces stand on one core and do not know each other. */
export const rooms = {
  'packages/supervisor/src/core': ['docker', 'containerd'],
  'packages/supervisor/src/docker': ['containerd'],
  'packages/supervisor/src/containerd': ['docker'],
};

/** What a room may import: what its package may, except from the rooms that are closed to it. */
function room(folder, closed) {
  const [, allowed] = Object.entries(floors).find(([name]) => folder.startsWith(`${name}/`));
  return floor(folder, allowed, [
    { regex: `^(?:\\.\\./)+(?:${closed.join('|')})(?:/|$)`, message: `${folder} may not enter the room of: ${closed.join(', ')}` },
  ]);
}

/** A restriction by name, with a reason that says what is allowed. Tests may also use the contract suites of what they may import. */
function floor(folder, allowed, further = []) {
  // `rpc/errors` allows that door only; `rpc` allows all doors of the package.
  const doors = allowed.map((name) => (name.includes('/') ? `${name}$` : `${name}(?:/|$)`)).join('|');
  const outside = doors === '' ? '^@gantry/' : `^@gantry/(?!${doors})`;
  const message = `${folder} may import of ours: ${allowed.join(', ') || 'nothing'}`;
  return {
    files: [`${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: outside, message },
            {
              regex: `^(?:\\.\\./)+(?:[^.][^/]*/)*(?:${packages})/src(?:/|$)`,
              message: 'import another package by its name, not by its files',
            },
            { regex: '^@gantry/[^/]+/src(?:/|$)', message: 'a package is entered by its doors' },
            ...further,
          ],
        },
      ],
    },
  };
}

/** What the code of the packages may not do, by name, each with the way it is done here. */
const restrictions = {
  exports: [{ selector: 'ExportAllDeclaration', message: 'name what a door exports' }],
  environment: [
    {
      selector:
        ':not(MemberExpression[property.value=/^GANTRY_(VERSION|COMMIT)$/]) > MemberExpression[object.name="process"][property.name="env"]',
      message: 'only config.ts reads the environment (GANTRY_VERSION and GANTRY_COMMIT are set by the build)',
    },
  ],
  expressions: ['NewExpression', 'CallExpression'].map((type) => ({
    selector: `${type}[callee.name="RegExp"]`,
    message: "V8's expressions backtrack: a pattern from outside goes through compilePattern of @gantry/oci/pattern",
  })),
  words: [
    'CallExpression[callee.property.name=/^(includes|startsWith|endsWith|match|matchAll|search|indexOf)$/][callee.object.property.name="message"]',
    'CallExpression[callee.property.name=/^(test|exec)$/][arguments.0.property.name="message"]',
  ].map((selector) => ({ selector, message: 'failures are told by kind and code (meta): a message is for people' })),
  timers: [
    `CallExpression[callee.name=/^set(Timeout|Interval)$/]${constantArgument(1)}`,
    `CallExpression[callee.object.name="AbortSignal"][callee.property.name="timeout"]${constantArgument(0)}`,
    'ImportDeclaration[source.value="node:timers/promises"]',
  ].map((selector) => ({
    selector,
    message: 'a duration that is no constant may be longer than 24.8 days, which Node turns into 1 ms: after, every, pause of @gantry/rpc',
  })),
};

/** Synchronous calls: one on a path whose file system does not answer stops every service of the process. */
const synchronous = [
  'ImportDeclaration[source.value=/^(node:)?fs$/] > ImportSpecifier[imported.name=/Sync$/]',
  'MemberExpression[object.name="fs"][property.name=/Sync$/]',
].map((selector) => ({
  selector,
  message:
    'a path that is not ours is looked at through a Looker (@gantry/linux/looks), and files of our own asynchronously; the exceptions are in eslint.config.mjs, with reasons',
}));

/** Lets a literal and a CONSTANT through. */
function constantArgument(index) {
  return `:not([arguments.${index}.type="Literal"]):not([arguments.${index}.name=/^[A-Z][A-Z0-9_]*$/])`;
}

/** Files that may do what is forbidden elsewhere, each for a reason. */
const exceptions = [
  { file: 'packages/shim/src/drivers/launch-failure.ts', may: ['words'], because: "another runtime's words become a code there" },
  { file: 'packages/lib/registry/src/dial-words.ts', may: ['words'], because: "OpenSSL's words become Go's, for reading only" },
  { file: 'packages/lib/rpc/src/errors.ts', may: ['words'], because: 'a text with its causes says each once' },
  { file: 'packages/lib/rpc/src/timer.ts', may: ['timers'], because: 'the timer itself' },
  { file: 'packages/lib/oci/src/reference.ts', may: ['expressions'], because: 'made of its own constants' },
  { file: 'packages/gateway/src/http/router.ts', may: ['expressions'], because: 'made of the routes, when the service starts' },
  { file: 'packages/images/src/check/mounted.ts', may: ['expressions'], because: "a path of ours, escaped, in the kernel's own tables" },
];

/** Where services call the file system synchronously, by the reason why that cannot hold a request up for ever. */
const synchronousPlaces = {
  'read by the kernel itself: /proc, /sys and cgroups': [
    'packages/supervisor/src/containerd/introspection/introspection.ts',
    'packages/supervisor/src/core/userns/maps.ts',
    'packages/supervisor/src/docker/exec/exec.ts',
    'packages/supervisor/src/docker/start/propagation.ts',
    'packages/supervisor/src/docker/stats/*.ts',
    'packages/supervisor/src/docker/system/cgroups.ts',
    'packages/supervisor/src/docker/system/host.ts',
    'packages/builder/src/attest/usage/sample.ts',
    'packages/builder/src/executor/insecure.ts',
    'packages/images/src/check/mounted.ts',
    'packages/network/src/firewall/watch.ts',
    'packages/network/src/kernel/linux-kernel.ts',
    'packages/shim/src/cgroups.ts',
    'packages/shim/src/drivers/hidden-mount.ts',
    'packages/shim/src/tasks/host-id.ts',
    'packages/lib/spec/src/{capabilities,cpuset,mounts,paths,security-options}.ts',
  ],
  'files of the host that every program reads: /etc, systemd': [
    'packages/supervisor/src/core/userns/host.ts',
    'packages/supervisor/src/docker/start/files.ts',
    'packages/supervisor/src/docker/stop/shutdown.ts',
    'packages/network/src/dns/host-resolvers.ts',
  ],
  'small files of our own below the data and run roots, in one step with a record or a reply': [
    'packages/supervisor/src/core/start/bundle.ts',
    'packages/supervisor/src/containerd/tasks/bundle.ts',
    'packages/builder/src/executor/own-files.ts',
    'packages/supervisor/src/docker/connect/leave.ts',
    'packages/supervisor/src/docker/create/{base-layer,create-steps}.ts',
    'packages/supervisor/src/docker/exec/store.ts',
    'packages/supervisor/src/docker/logs/forward/target.ts',
    'packages/supervisor/src/docker/start/shm.ts',
    'packages/images/src/content/{ingest,paths,trash,uploads,writer}.ts',
    'packages/images/src/layers/{native,sink,stored}.ts',
    'packages/images/src/snapshots/{copy,layered-files,local-trees,overlay,tree-files,usage,view}.ts',
    'packages/images/src/diff/mounted-trees.ts',
    'packages/images/src/volumes/{place,store}.ts',
    'packages/images/src/projects/{kernel-quotas,projects}.ts',
    'packages/shim/src/{drivers,events,holders,monitor,mounts,rootfs,tasks}/**/*.ts',
  ],
  'when the service starts or is set up, before it serves': [
    'packages/supervisor/src/compose.ts',
    'packages/supervisor/src/core/runtimes.ts',
    'packages/supervisor/src/docker/compose.ts',
    'packages/supervisor/src/docker/system/{containers-link,engine-id}.ts',
    'packages/gateway/src/http/listener.ts',
    'packages/images/src/assemble.ts',
    'packages/images/src/gc/repair.ts',
  ],
  'a command or a check of its own process': ['packages/images/src/check/*.ts', 'packages/shim/src/containerd-shim/*.ts'],
  'run by a Looker, in a process that may hang; a descriptor of a view is closed': [
    'packages/supervisor/src/docker/looks/*.ts',
    'packages/supervisor/src/docker/archive/{mount-view,root,stat}.ts',
    'packages/supervisor/src/core/processes/container-root.ts',
    'packages/images/src/looks/*.ts',
  ],
};

const restricted = (may = []) => [
  'error',
  ...Object.entries(restrictions).flatMap(([name, forbidden]) => (may.includes(name) ? [] : forbidden)),
];

/** Where every test of a suite is skipped no hook runs, and nobody takes away what was made while the file was read. */
const makes = 'CallExpression[callee.name=/^(mkdtemp|mkdir|writeFile|symlink|cp|copyFile)Sync$/]';
const makesNothingEarly = [
  'Program',
  'CallExpression[callee.name="describe"] > ArrowFunctionExpression > BlockStatement',
  'CallExpression[callee.callee.object.name="describe"] > ArrowFunctionExpression > BlockStatement',
  'CallExpression[callee.name="describeEngine"] > ArrowFunctionExpression > BlockStatement',
].flatMap((place) =>
  [`${place} > VariableDeclaration > VariableDeclarator > ${makes}`, `${place} > ExpressionStatement > ${makes}`].map((selector) => ({
    selector,
    message: 'a suite makes nothing before a test of its runs: make it in beforeAll',
  })),
);

export default tseslint.config(
  { ignores: ['**/node_modules/', '**/dist/', 'packages/lib/api/src/gen/', '**/.gen-*/', '.nx/', '**/*.cjs', '**/*.mjs'] },
  {
    files: ['packages/**/*.ts', 'test-e2e/**/*.ts', 'examples/**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: { parser: tseslint.parser, parserOptions: { project: ['./tsconfig.json'], tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/no-misused-promises': [
        'error',
        {
          checksVoidReturn: {
            arguments: true,
            attributes: false,
            inheritedMethods: false,
            properties: false,
            returns: false,
            variables: false,
          },
        },
      ],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      'no-restricted-syntax': restricted(),
      'no-var': 'error',
      'prefer-const': ['error', { ignoreReadBeforeAssign: true }],
      eqeqeq: 'error',
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
    },
  },
  ...Object.entries(floors).map(([folder, allowed]) => floor(folder, allowed)),
  ...Object.entries(rooms).map(([folder, closed]) => room(folder, closed)),
  // Only what serves requests: a command line, the launcher and the libraries below answer nobody.
  {
    files: ['packages/{builder,cri,gateway,images,network,shim,supervisor}/src/**/*.ts', 'packages/lib/spec/src/**/*.ts'],
    ignores: Object.values(synchronousPlaces).flat(),
    rules: { 'no-restricted-syntax': [...restricted(), ...synchronous] },
  },
  ...exceptions.map(({ file, may }) => ({ files: [file], rules: { 'no-restricted-syntax': restricted(may) } })),
  {
    files: ['**/config.ts', '**/*.test.ts', '**/testing/**/*.ts', 'test-e2e/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...restrictions.exports],
      'max-lines': 'off',
    },
  },
  { files: ['**/*.test.ts'], rules: { 'no-restricted-syntax': ['error', ...restrictions.exports, ...makesNothingEarly] } },
);
