// Makes a docker archive (as `docker load` takes it) out of Debian's static busybox: no registry is needed.
// Usage: tools/node tools/make-image.mjs --out FILE [--name NAME:TAG] [--megabytes N] [--files N] [--layers N] [--content KIND]
//   --megabytes  incompressible payload, in files of 10 MB        --files   small files of 1 KiB instead
//   --entrypoint words of the image's entrypoint
//   --layers     spreads the payload over that many layers        --content   random (default) or text: gzip leaves some 40 % of it
import { createHash, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { createWriteStream, readFileSync, realpathSync } from 'node:fs';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pack as tarPack } from 'tar-stream';

const BUSYBOX = '/bin/busybox';

/** Collects a tar-stream pack into one Buffer. */
async function collect(fill) {
  const pack = tarPack();
  const chunks = [];
  pack.on('data', (chunk) => chunks.push(chunk));
  const ended = once(pack, 'end');
  await fill({
    dir: (name, mode = 0o755) => pack.entry({ name, type: 'directory', mode }),
    link: (name, linkname) => pack.entry({ name, type: 'symlink', linkname }),
    file: async (name, content, mode = 0o644) => {
      await new Promise((resolve, reject) => pack.entry({ name, mode, mtime: new Date(0) }, content, (e) => (e ? reject(e) : resolve())));
    },
  });
  pack.finalize();
  await ended;
  return Buffer.concat(chunks);
}

/** The base layer: busybox with links for all its applets, and the accounts that a small system has. */
async function baseLayer() {
  const applets = execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => name && name !== 'busybox');
  return collect(async (tar) => {
    for (const name of ['bin', 'dev', 'etc', 'home', 'proc', 'root', 'sys', 'usr', 'usr/bin', 'var', 'var/run', 'var/www'])
      tar.dir(`${name}/`, name === 'root' ? 0o700 : 0o755);
    tar.dir('tmp/', 0o1777);
    await tar.file('bin/busybox', readFileSync(BUSYBOX), 0o755);
    for (const name of applets) tar.link(`bin/${name}`, 'busybox');
    await tar.file(
      'etc/passwd',
      'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\nalice:x:1000:1000:Alice:/home:/bin/sh\n',
    );
    await tar.file('etc/group', 'root:x:0:\ndaemon:x:1:\nwheel:x:10:alice\nnogroup:x:65534:\nalice:x:1000:\n');
    await tar.file('var/www/index.html', 'hello from gantry\n');
  });
}

/** Answers bytes of which gzip leaves some 40 %: sentences of a small vocabulary, with noise between. */
function textSource() {
  const words = Array.from({ length: 4096 }, () => randomBytes(2 + Math.floor(Math.random() * 9)).toString('base64url'));
  const pool = [];
  for (let size = 0; size < 8 << 20; size += pool.at(-1).length) {
    const sentence = Array.from({ length: 1000 }, () => words[Math.floor(words.length * Math.random() ** 4)]).join(' ');
    pool.push(Buffer.from(sentence), randomBytes(512));
  }
  const all = Buffer.concat(pool);
  return (size) => {
    const out = Buffer.alloc(size);
    for (let at = 0; at < size; at += 1 << 15) {
      const from = Math.floor(Math.random() * (all.length - (1 << 15)));
      all.copy(out, at, from, from + Math.min(1 << 15, size - at));
    }
    return out;
  };
}

async function payloadLayer(index, { megabytes, files, bytes }) {
  return collect(async (tar) => {
    tar.dir(`payload-${index}/`);
    for (let i = 0; i < files; i++) {
      if (i % 1000 === 0) tar.dir(`payload-${index}/${i / 1000}/`);
      await tar.file(`payload-${index}/${Math.floor(i / 1000)}/${i}`, bytes(1024));
    }
    for (let left = megabytes; left > 0; left -= 10) await tar.file(`payload-${index}/blob-${left}`, bytes(Math.min(left, 10) << 20));
  });
}

/**
 * Writes a docker archive.
 * @param {{out: string, name?: string, megabytes?: number, files?: number, layers?: number, content?: 'random' | 'text', config?: object}} options config is merged into the image's "config"
 */
export async function makeImage({ out, name = 'busybox:latest', megabytes = 0, files = 0, layers = 1, content = 'random', config = {} }) {
  const blobs = [await baseLayer()];
  const bytes = content === 'text' ? textSource() : randomBytes;
  if (megabytes || files) {
    for (let i = 0; i < layers; i++) {
      blobs.push(await payloadLayer(i, { megabytes: Math.ceil(megabytes / layers), files: Math.ceil(files / layers), bytes }));
    }
  }
  const sha = (data) => createHash('sha256').update(data).digest('hex');
  const diffIds = blobs.map((blob) => sha(blob));
  const created = new Date(0).toISOString();
  const configJson = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      created,
      config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['sh'], ...config },
      rootfs: { type: 'layers', diff_ids: diffIds.map((hex) => `sha256:${hex}`) },
      history: diffIds.map((_, i) => ({ created, created_by: i === 0 ? 'busybox-static' : `payload ${i}` })),
    }),
  );
  const pack = tarPack();
  const target = createWriteStream(out);
  pack.pipe(target);
  const add = (entry, data) =>
    new Promise((resolve, reject) => pack.entry({ name: entry, mode: 0o644 }, data, (e) => (e ? reject(e) : resolve())));
  for (const [i, blob] of blobs.entries()) await add(`${diffIds[i]}/layer.tar`, blob);
  const configName = `${sha(configJson)}.json`;
  await add(configName, configJson);
  await add(
    'manifest.json',
    Buffer.from(JSON.stringify([{ Config: configName, RepoTags: [name], Layers: diffIds.map((hex) => `${hex}/layer.tar`) }])),
  );
  pack.finalize();
  await once(target, 'finish');
  return { id: `sha256:${sha(configJson)}`, name };
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const options = {};
  for (let i = 2; i < process.argv.length; i += 2) {
    const key = process.argv[i].replace(/^--/, '');
    if (!['out', 'name', 'megabytes', 'files', 'layers', 'content', 'entrypoint'].includes(key))
      throw new Error(`make-image: unknown option ${process.argv[i]}`);
    if (key === 'entrypoint') options.config = { Entrypoint: process.argv[i + 1].split(' '), Cmd: [] };
    else options[key] = ['out', 'name', 'content'].includes(key) ? process.argv[i + 1] : Number(process.argv[i + 1]);
  }
  const image = await makeImage({ out: join(dirname(fileURLToPath(import.meta.url)), '../dist/busybox.tar'), ...options });
  process.stdout.write(`${image.name} ${image.id}\n`);
}
