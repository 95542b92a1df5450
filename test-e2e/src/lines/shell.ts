import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../harness';
import { normal } from './normal';

/** Runs lines in a folder of their own, on the host's network, with docker pointed at the engine. */
export interface Shell {
  /** What a line leaves, in the words of a transcript. */
  run(command: string): Promise<string>;
  close(): void;
}

export function openShell(engine: Engine, root: string): Shell {
  const folder = join(engine.folder, 'here');
  mkdirSync(folder);
  const { NODE_OPTIONS: _options, DOCKER_CONTEXT: _context, ...rest } = process.env;
  const env = {
    ...rest,
    DOCKER_HOST: `unix://${engine.socket}`,
    DOCKER_CONFIG: join(engine.folder, 'docker-config'),
    DOCKER_CLI_HINTS: 'false',
    LC_ALL: 'C',
    TZ: 'UTC',
    HERE: folder,
  };
  return {
    async run(command) {
      const left = await engine.onHost('timeout', ['-k', '1', '50', 'sh', '-c', `cd ${folder} && { ${command}\n}`], { env });
      const places = { HERE: folder, ROOT: root, SOCKET: engine.socket, FOLDER: engine.folder };
      const [out, errors] = [normal(left.stdout, places), normal(left.stderr, places)];
      return [
        ...(out === '' ? [] : [out]),
        ...(errors === '' ? [] : [errors.replace(/^/gm, '! ').replace(/ +$/gm, '')]),
        ...(left.code === 0 ? [] : [`= ${left.code}`]),
      ].join('\n');
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
