import { request } from 'node:http';
import { join } from 'node:path';
import { tarOf } from '../builds/tar-of';
import type { Engine } from '../harness';
import { type Told, toldByClassic, toldOf } from './told';

/** What builds are killed in: an image, an archive, a push with a cache in a registry, an image while all is pruned. */
export type Way = 'image' | 'archive' | 'registry' | 'pruned';

export interface Killed {
  readonly ok: boolean;
  readonly text: string;
  readonly told: Told;
}

/** Who builds. The number makes each build another one. */
export interface BuildClient {
  readonly name: string;
  readonly ways: readonly Way[];
  build(engine: Engine, number: number, way: Way): Promise<Killed>;
  /** Numbers of builds whose line is in the cache mount; undefined for a builder without such. */
  lines?(engine: Engine, number: number): Promise<readonly number[]>;
}

export const registryName = '127.0.0.1:5000';

/** `docker buildx build` with all that it has, its context in the folder `context` of the engine. */
export const buildx: BuildClient = {
  name: 'docker buildx',
  ways: ['image', 'archive', 'registry', 'pruned'],
  async build(engine, number, way) {
    const args = {
      image: ['-t', 'crash'],
      pruned: ['-t', 'crash'],
      archive: ['-o', `type=oci,dest=${join(engine.folder, 'crash.tar')}`],
      registry: ['-t', `${registryName}/crash`, '--push', '--cache-to', `type=registry,ref=${registryName}/cache,mode=max`],
    }[way];
    const whole = ['buildx', 'build', '--progress=plain', ...args, '-f', '-', join(engine.folder, 'context')];
    const { code, stdout, stderr } = await engine.docker(whole, { input: fileOf(number), timeout: 120_000 });
    return { ok: code === 0, text: `${stdout}${stderr}`, told: toldOf(stderr) };
  },
  async lines(engine, number) {
    const look = `FROM busybox\nRUN --mount=type=cache,target=/c : ${number}; echo lines: $(sort -un /c/log) end`;
    const { stderr } = await engine.docker(['buildx', 'build', '--progress=plain', '-'], { input: look });
    return (/ lines: ([\d ]*) end$/m.exec(stderr)?.[1] ?? '').split(' ').map(Number);
  },
};

const fileOf = (number: number): string =>
  [
    'FROM busybox AS one',
    `RUN --mount=type=cache,target=/c echo ${number} >> /c/log && cp /c/log /log`,
    'COPY files /files/',
    `RUN echo ${number} > /made && cat /files/* | md5sum > /sum`,
    'FROM busybox AS two',
    `RUN dd if=/dev/urandom of=/big bs=1k count=500 2>/dev/null; echo ${number}`,
    'FROM busybox',
    'COPY --from=one /made /sum /',
    'COPY --from=two --link /big /big',
    'CMD ["cat", "/made"]',
  ].join('\n');

/** `POST /build` without version=2: the classic builder, for which no client is needed. */
export const classic: BuildClient = {
  name: 'POST /build',
  ways: ['image', 'pruned'],
  async build(engine, number) {
    const file = [
      'FROM busybox AS one',
      `RUN echo ${number} > /made`,
      'COPY a /a',
      'RUN cat /a /made | md5sum > /sum',
      'FROM busybox',
      `RUN dd if=/dev/urandom of=/big bs=1k count=500 2>/dev/null; echo ${number}`,
      'COPY --from=one /made /sum /',
      'CMD ["cat", "/made"]',
    ].join('\n');
    const text = await post(engine, await tarOf({ Dockerfile: file, a: 'a\n' }));
    return { ok: text.includes('Successfully built'), text, told: toldByClassic(text) };
  },
};

/** All that was told, whether it came to its end or not. */
function post(engine: Engine, context: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const headers = { 'content-type': 'application/x-tar' };
    const call = request({ socketPath: engine.socket, method: 'POST', path: '/build?rm=1&t=crash', headers }, (answer) => {
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
      answer.on('error', (error) => resolve(`${text}\n${String(error)}`)).on('end', () => resolve(text));
    });
    call.on('error', (error) => resolve(String(error)));
    call.end(context);
  }).then((text) =>
    String(text)
      .split('\n')
      .map((line) => (line.startsWith('{') ? streamOf(line) : line))
      .join(''),
  );
}

function streamOf(line: string): string {
  try {
    const { stream, error, message } = JSON.parse(line) as { stream?: string; error?: string; message?: string };
    return stream ?? error ?? message ?? ''; // a message is a whole answer: what failed before anything was told
  } catch {
    return line; // cut off with the service
  }
}
