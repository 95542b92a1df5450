import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { formatReference, parseReference } from '@gantry/oci';
import { isGantryError } from '@gantry/rpc';
import { documentType, kindOf, parseConfig, parseIndex, parseManifest } from '@gantry/registry';
import { NativeTree } from './layers/native';
import { nativeBinary } from './testing/engine';
import { tarOf } from './testing/tar';

/** Inputs of each reader; many more with GANTRY_TEST_ALL=1. The seed is printed by fast-check with a failure. */
const FACTOR = process.env['GANTRY_TEST_ALL'] ? 20 : 1;
const counts: Record<string, number> = {};
const tick = (what: string): void => void (counts[what] = (counts[what] ?? 0) + 1);
afterAll(() => {
  process.stderr.write(
    `fuzzed: ${Object.entries(counts)
      .map(([what, count]) => `${count} ${what}`)
      .join(', ')}\n`,
  );
});

/** Whatever comes in, a value or one of our own errors comes out, with little work. */
function survives(what: string, fn: () => unknown): void {
  tick(what);
  const before = process.cpuUsage();
  try {
    fn();
  } catch (error) {
    if (!isGantryError(error)) throw error;
  }
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(2_000_000);
}

const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 60, maxLength: 66 });
const referenceText = fc.oneof(
  fc.string(),
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          '/',
          ':',
          '@',
          '.',
          '-',
          '_',
          '__',
          '..',
          'sha256:',
          'localhost',
          '[::1]',
          ':5000',
          'LIBRARY',
          'é',
          '\0',
          '\n',
          '%2f',
          '../',
        ),
        fc.string({ maxLength: 8 }),
        hex,
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
);

test('references: any text is a reference or an error, and what is written is read as the same', () => {
  fc.assert(
    fc.property(referenceText, (text) => {
      survives('references', () => {
        const written = formatReference(parseReference(text));
        expect(formatReference(parseReference(written))).toBe(written);
        expect(written).not.toMatch(/\.\.\/|\s|\0/);
      });
    }),
    { numRuns: 8000 * FACTOR },
  );
});

const digest = fc.oneof(
  hex.map((text) => `sha256:${text.padEnd(64, '0').slice(0, 64)}`),
  fc.constantFrom('sha256:../../etc/passwd', 'sha512:00', '', 'sha256:'),
  fc.string(),
);
const junk = fc.oneof(fc.jsonValue(), digest, fc.constantFrom(-1, 1.5, 1e300, Number.MAX_SAFE_INTEGER, null, '__proto__', [], {}));
const mediaType = fc.oneof(
  fc.constantFrom(
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
    'text/plain',
  ),
  junk,
);
const descriptor = fc.oneof(
  fc.record({ mediaType, digest, size: fc.oneof(fc.nat(), junk), annotations: junk, platform: junk }, { requiredKeys: [] }),
  junk,
);
const documents = fc.oneof(
  fc
    .record(
      {
        schemaVersion: fc.oneof(fc.constantFrom(1, 2, 3), junk),
        mediaType,
        config: descriptor,
        layers: fc.oneof(fc.array(descriptor, { maxLength: 5 }), junk),
        manifests: fc.oneof(fc.array(descriptor, { maxLength: 5 }), junk),
        fsLayers: junk,
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
  fc
    .record(
      {
        os: junk,
        architecture: junk,
        rootfs: fc.oneof(fc.record({ type: junk, diff_ids: fc.oneof(fc.array(digest), junk) }, { requiredKeys: [] }), junk),
        config: junk,
        history: junk,
        created: junk,
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
  fc.json(),
  fc.string(),
  fc.nat(5000).map((depth) => '['.repeat(depth)),
  fc.nat(3000).map((depth) => `${'{"manifests":['.repeat(depth)}${']}'.repeat(depth)}`),
);

test('attacks 30, 31: manifests, indexes and configurations of any form', () => {
  fc.assert(
    fc.property(documents, fc.uint8Array({ maxLength: 3 }), fc.nat(), (text, noise, at) => {
      const bytes = Buffer.from(text);
      bytes.set(noise.slice(0, Math.max(0, bytes.length - (at % (bytes.length + 1)))), at % (bytes.length + 1));
      survives('documents', () => {
        const manifest = parseManifest(bytes, 'm');
        for (const { digest: each, size } of [manifest.config, ...manifest.layers]) {
          expect(each).toMatch(/^sha256:[0-9a-f]{64}$/);
          expect(Number.isSafeInteger(size) && size >= 0).toBe(true);
        }
        expect((manifest as { manifests?: unknown }).manifests).toBeUndefined();
      });
      survives('documents', () => parseIndex(bytes, 'i'));
      survives('documents', () => documentType(bytes, '', kindOf(bytes, '', 'k')));
      survives('documents', () => {
        for (const id of parseConfig(bytes, 'c').rootfs.diff_ids) expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
      });
    }),
    { numRuns: 2500 * FACTOR },
  );
});

describe('attacks 27, 28, 29: layers', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'gi-fuzz-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const name = fc.oneof(
    fc
      .array(
        fc.constantFrom('a', 'b', 'd', '..', '.', '', 'link', '.wh.a', '.wh..wh..opq', '.wh..', '.wh...', 'x'.repeat(260), 'é', '\u0001'),
        { minLength: 1, maxLength: 6 },
      )
      .map((parts) => parts.join('/')),
    fc.constantFrom('/etc/passwd', '../outside', 'link/evil', './../../outside', '/', '.'),
  );
  const entry = fc.record({
    name,
    type: fc.constantFrom('file', 'directory', 'symlink', 'link', 'character-device', 'block-device', 'fifo'),
    linkname: fc.oneof(name, fc.constantFrom('..', '/', '../../outside', '/proc/self/root', '.')),
    mode: fc.constantFrom(0o644, 0o7777, 0, 0o1777),
    uid: fc.constantFrom(0, 1000, 2097151, 4294967294),
    devmajor: fc.constantFrom(0, 1, 4095, 4096),
    devminor: fc.constantFrom(0, 3, 1048575),
    body: fc.constantFrom('', 'x', 'y'.repeat(2000)),
    pax: fc.constantFrom<Record<string, string> | undefined>(
      undefined,
      { 'SCHILY.xattr.trusted.overlay.opaque': 'y' },
      { 'SCHILY.xattr.user.a': 'b' },
      { path: '../outside' },
      { linkpath: '/etc/passwd' },
      { size: '99999999999' },
      { uid: '-5' },
      { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '1000000000000' },
      { 'GNU.sparse.map': '0,10,5,10', 'GNU.sparse.size': '1' },
    ),
  });

  test('archives made of hostile entries, whole and damaged: no crash, no hang, nothing outside', async () => {
    const tree = new NativeTree(nativeBinary(), { maxBytes: 1 << 24, maxEntries: 100 }, dir);
    const outside = join(dir, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'canary'), 'untouched');
    let run = 0;
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { minLength: 1, maxLength: 6 }),
        damage,
        fc.boolean(),
        fc.nat(4),
        async (entries, changes, overlay, cut) => {
          tick('layers');
          const root = join(dir, `r${run++}`);
          mkdirSync(root);
          const plain = entries.map(({ pax, body, type, ...rest }) => ({
            ...rest,
            type,
            ...(type === 'file' ? { body } : {}),
            ...(pax === undefined ? {} : { pax }),
          }));
          const archive = await tarOf(plain as Parameters<typeof tarOf>[0]);
          for (const [at, value] of changes) archive[at % archive.length] = value;
          const extraction = tree.extract(root, overlay);
          const timer = setTimeout(() => extraction.kill(), 60_000);
          extraction.input.end(cut === 0 ? archive.subarray(0, Math.floor(archive.length / 2)) : archive);
          const failure: unknown = await extraction.done.then(
            () => undefined,
            (error: unknown) => error,
          );
          clearTimeout(timer);
          if (failure !== undefined && (!isGantryError(failure) || /ended with SIG/.test(failure.message))) throw failure as Error;
          await tree.remove(root);
          expect(readdirSync(dir).sort()).toEqual(['outside']);
          expect([readdirSync(outside), readFileSync(join(outside, 'canary'), 'utf8')]).toEqual([['canary'], 'untouched']);
        },
      ),
      { numRuns: 200 * FACTOR, interruptAfterTimeLimit: 600_000 },
    );
  }, 700_000);
});
