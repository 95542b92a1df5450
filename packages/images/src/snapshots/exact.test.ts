import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { hostPlatform, mediaTypes, sha256 } from '@gantry/oci';
import { syscalls } from '@gantry/linux';
import { newContext } from '@gantry/rpc';
import { startEngine } from '../testing/engine';
import { dockerArchive } from '../testing/tar';
import { mounted } from './testing/suite';

const UMOCI = '/usr/bin/umoci';
const ctx = newContext();
const long = 'n'.repeat(200);
const deep = `${'d'.repeat(120)}/${'e'.repeat(120)}/${'f'.repeat(120)}`;

/** Everything that a tree shows, by path: one line an entry. */
function listing(root: string): Map<string, string> {
  const lines = new Map<string, string>();
  const walk = (path: string): void => {
    const full = join(root, path);
    const s = lstatSync(full, { bigint: true });
    const xattrs = syscalls
      .llistxattr(full)
      .filter((name) => !name.startsWith('trusted.overlay.') && !name.startsWith('user.rootlesscontainers') && name !== 'user.umoci')
      .sort();
    const facts = [
      s.mode.toString(8),
      s.uid,
      s.gid,
      s.isDirectory() ? '' : s.nlink,
      s.isDirectory() ? '' : s.size,
      s.mtimeNs,
      s.isCharacterDevice() || s.isBlockDevice() ? s.rdev : '',
      s.isSymbolicLink()
        ? readlinkSync(full)
        : s.isFile()
          ? createHash('sha256').update(readFileSync(full)).digest('hex').slice(0, 16)
          : '',
      ...xattrs.map((name) => `${name}=${syscalls.lgetxattr(full, name)?.toString('hex')}`),
    ];
    lines.set(path, facts.join(' '));
    if (s.isDirectory()) for (const name of readdirSync(full)) walk(join(path, name));
  };
  walk('/');
  return lines;
}

/** Layers of all that archives can hold, made by GNU tar in both its forms. */
function makeLayers(dir: string): Buffer[] {
  const one = join(dir, 'one');
  const two = join(dir, 'two');
  const script = `
    set -e; umask 022; mkdir -p ${one} ${two}; cd ${one}
    mkdir -p d/sub opaque/below gone-dir/x replaced bin "${deep}"; echo text > d/file; ln d/file d/hard; ln d/file hard-elsewhere; ln -s ../d/file d/soft; ln -s /absolute/nowhere dangling
    echo long > "${long}"; echo deep > "${deep}/${long}"; ln "${long}" "hard-${long.slice(5)}"; ln -s "${deep}/${long}" soft-long
    mknod null c 1 3; mknod disk b 8 17; mkfifo fifo; mknod big c 4000 70000
    echo s > setuid; chmod 4755 setuid; echo g > setgid; chmod 2755 setgid; chmod 1777 d/sub; chmod 0 d/file; chmod 0700 opaque
    echo o > owner; chown 1000:2000 owner; echo h > huge; chown 4000000000:3000000000 huge; chown -h 5:6 dangling; chown 7:8 d
    truncate -s 3M sparse; printf middle | dd of=sparse bs=1 seek=1500000 conv=notrunc status=none; truncate -s 40960 all-hole; : > empty
    echo old > opaque/old; echo o > opaque/below/o; echo w > gone; echo dir > replaced/inside; echo file > becomes-dir; printf 'größe' > 'ümläut'; printf 'a' > 'new
line'
    touch -h -d '2001-02-03 04:05:06.123456789' d/file dangling null owner; touch -d '1969-12-31 23:00:00' empty; touch -d '2040-01-01 00:00:00.5' huge
    touch -d '2005-05-05 05:05:05.000000001' d d/sub opaque
    cd ${two}; mkdir -p opaque d becomes-dir; : > .wh.gone; : > .wh.gone-dir; : > .wh.replaced; echo now > replaced-by; : > opaque/.wh..wh..opq; echo new > opaque/new; : > d/.wh.hard
    echo again > d/file; chown 9:9 d/file; echo in > becomes-dir/in; : > .wh.becomes-dir; touch -d '2006-06-06 06:06:06.25' d opaque becomes-dir d/file`;
  execFileSync('sh', ['-c', script]);
  for (const [name, key, value] of [
    ['d/file', 'user.note', 'note'],
    ['d', 'user.on-dir', 'x'],
    ['setuid', 'security.capability', Buffer.from('0100000202000000000000000000000000000000', 'hex')],
    ['owner', 'trusted.secret', 't'],
  ] as const) {
    execFileSync('python3', [
      '-c',
      'import os,sys; os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))',
      join(one, name),
      key,
      Buffer.from(value as string).toString('hex'),
    ]);
  }
  const tar = (from: string, ...options: string[]): Buffer =>
    execFileSync('tar', ['-C', from, '-cf', '-', '--sort=name', ...options, '.'], { maxBuffer: 1 << 28 });
  const gnu = join(dir, 'three');
  execFileSync('sh', [
    '-c',
    `set -e; umask 022; mkdir -p "${gnu}/gnu/${deep}"; cd ${gnu}/gnu; echo x > "${long}"; ln -s "${deep}/${long}" link; ln "${long}" "h${long}"; truncate -s 2M hole; printf end >> hole; chown 3000000000:7 hole; touch -d '2010-10-10 10:10:10' . .. hole`,
  ]);
  const xattrs = ['-S', '--xattrs', '--xattrs-include=*'];
  return [tar(one, '--format=pax', ...xattrs), tar(two, '--format=pax', ...xattrs), tar(gnu, '--format=gnu')]; // umoci does not read GNU's own sparse form
}

const available = existsSync(UMOCI) ? test : test.skip;
if (!existsSync(UMOCI)) console.warn('skipped: umoci is not installed');

available.each(['overlayfs', 'copy'])(
  'attack 28: an unpacked image is what umoci makes of it, entry by entry, on %s',
  async (snapshotter) => {
    const dir = mkdtempSync(join(tmpdir(), 'gi-exact-'));
    const engine = await startEngine({ snapshotter });
    try {
      const plain = makeLayers(dir);
      // Every compression that layers come in; zstd in several frames with skippable ones, as zstd:chunked.
      const skippable = Buffer.from('502a4d180400000061626364', 'hex');
      const third = plain[2] ?? Buffer.alloc(0);
      const chunked = Buffer.concat([
        zstdCompressSync(third.subarray(0, 5000)),
        skippable,
        zstdCompressSync(third.subarray(5000)),
        skippable,
      ]);
      const packed = [
        [gzipSync(plain[0] ?? ''), mediaTypes.ociLayerGzip],
        [plain[1] ?? Buffer.alloc(0), mediaTypes.ociLayer],
        [chunked, mediaTypes.ociLayerZstd],
      ] as const;
      const layout = join(dir, 'layout');
      mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
      const put = (bytes: Buffer): { digest: string; size: number } => {
        writeFileSync(join(layout, 'blobs/sha256', sha256(bytes).slice(7)), bytes);
        return { digest: sha256(bytes), size: bytes.length };
      };
      const json = (value: unknown): { digest: string; size: number } => put(Buffer.from(JSON.stringify(value)));
      const { os, architecture } = hostPlatform();
      const config = {
        mediaType: mediaTypes.ociConfig,
        ...json({ os, architecture, config: {}, rootfs: { type: 'layers', diff_ids: plain.map((layer) => sha256(layer)) } }),
      };
      const manifest = json({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config,
        layers: packed.map(([bytes, mediaType]) => ({ mediaType, ...put(bytes) })),
      });
      writeFileSync(
        join(layout, 'index.json'),
        JSON.stringify({
          schemaVersion: 2,
          manifests: [{ mediaType: mediaTypes.ociManifest, ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'exact:1' } }],
        }),
      );
      writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
      await engine.load(execFileSync('tar', ['-C', layout, '-cf', '-', '.'], { maxBuffer: 1 << 28 }));
      // What this umoci does not know (zstd) it is given unpacked.
      const forPeer = {
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config,
        layers: plain.map((layer) => ({ mediaType: mediaTypes.ociLayer, ...put(layer) })),
      };
      writeFileSync(
        join(layout, 'index.json'),
        JSON.stringify({
          schemaVersion: 2,
          manifests: [
            { mediaType: mediaTypes.ociManifest, ...json(forPeer), annotations: { 'org.opencontainers.image.ref.name': 'exact' } },
          ],
        }),
      );
      execFileSync(UMOCI, ['unpack', '--image', `${layout}:exact`, join(dir, 'bundle')], { stdio: 'pipe' });

      const found = (await engine.images.resolve(ctx, { ref: 'exact:1', platform: undefined })).image;
      const { mounts } = await engine.snapshots.view(ctx, { snapshotter: '', key: 'v', parent: found?.chainId ?? '', labels: {} });
      await mounted(mounts, (root) => {
        const [ours, theirs] = [listing(root), listing(join(dir, 'bundle/rootfs'))];
        // overlayfs counts the names that a layer has, also those that a layer above hides.
        if (snapshotter === 'overlayfs') theirs.set('/hard-elsewhere', (theirs.get('/hard-elsewhere') ?? '').replace(' 1 5 ', ' 3 5 '));
        expect(theirs.size).toBeGreaterThan(40);
        expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(theirs));
        expect(lstatSync(join(root, 'sparse')).blocks).toBeLessThan(100);
      });
    } finally {
      await engine.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  },
);

test.each(['overlayfs', 'copy'])('the root keeps what a layer below said of it, on %s', async (snapshotter) => {
  const engine = await startEngine({ snapshotter });
  try {
    const root = { name: './', type: 'directory' as const, mode: 0o700, uid: 5, gid: 6, pax: { 'SCHILY.xattr.user.root': 'r' } };
    const image = await dockerArchive(
      ['a:1'],
      [[root, { name: 'd', type: 'directory', mode: 0o711, uid: 7 }, { name: 'd/f', body: '' }], [{ name: 'd/g', body: '' }]],
    );
    await engine.load(image.archive);
    const found = (await engine.images.resolve(ctx, { ref: 'a:1', platform: undefined })).image;
    const { mounts } = await engine.snapshots.view(ctx, { snapshotter: '', key: 'v', parent: found?.chainId ?? '', labels: {} });
    await mounted(mounts, (path) => {
      expect([
        lstatSync(path).mode & 0o7777,
        lstatSync(path).uid,
        lstatSync(path).gid,
        syscalls.lgetxattr(path, 'user.root')?.toString(),
      ]).toEqual([0o700, 5, 6, 'r']);
      expect([lstatSync(join(path, 'd')).mode & 0o7777, lstatSync(join(path, 'd')).uid]).toEqual([0o711, 7]);
    });
  } finally {
    await engine.stop();
  }
});
