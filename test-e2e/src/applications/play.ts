import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CommandResult, Engine } from '../harness';
import { normal } from '../lines/normal';
import type { Application, Step } from './application';

const MINUTES = 60_000;

/** What an application's steps leave, each with its line before it. */
export async function play(engine: Engine, { name, files, steps }: Application): Promise<string[]> {
  const folder = join(engine.folder, name.replaceAll(/\W+/g, '-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  const commands = join(folder, '.commands');
  mkdirSync(commands);
  writeFileSync(join(commands, 'compose'), '#!/bin/sh\nexec docker compose "$@"\n');
  chmodSync(join(commands, 'compose'), 0o755);
  const { NODE_OPTIONS: _options, DOCKER_CONTEXT: _context, ...rest } = process.env;
  const env = {
    ...rest,
    PATH: `${commands}:${rest['PATH'] ?? ''}`,
    DOCKER_HOST: `unix://${engine.socket}`,
    DOCKER_CLI_HINTS: 'false',
    COMPOSE_MENU: 'false',
    // where compose notes which project is watched
    XDG_RUNTIME_DIR: commands,
    XDG_STATE_HOME: commands,
    XDG_CACHE_HOME: commands,
    LC_ALL: 'C',
    TZ: 'UTC',
  };
  const told: string[] = [];
  for (const step of steps) {
    const script = step.shell ?? 'docker compose "$@"';
    const left = await engine.onHost('sh', ['-c', `cd ${folder} && { ${script}\n}`, 'sh', ...(step.compose ?? [])], {
      env,
      timeout: 4 * MINUTES,
    });
    told.push(`$ ${step.shell ?? step.compose?.join(' ') ?? ''}\n${tell(step, left, engine, folder)}`);
  }
  return told;
}

function tell({ told }: Step, { code, stdout, stderr }: CommandResult, engine: Engine, folder: string): string {
  const places = { HERE: folder, SOCKET: engine.socket, FOLDER: engine.folder };
  const [out, errors] = [stdout, stderr].map((text) => unordered(normal(text, places)).split('\n').filter(Boolean));
  const lines = [...(out ?? []), ...(errors ?? []).map((text) => `! ${text}`)];
  const shown = told === 'code' ? [] : told === 'set' ? [...new Set(lines)].sort() : lines;
  // what a step that failed said is told where it was to work
  return [...(told === 'code' && code !== 0 ? lines : shown), ...(code === 0 ? [] : [`= ${code}`])].join('\n');
}

/** Compose names what it is about to remove in any order. */
const unordered = (text: string): string => text.replace(/(?<=Going to remove ).*/g, (names) => names.split(', ').sort().join(', '));
