import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../harness';

/** A flag of a command, as the table of the CLI has it. */
export interface Flag {
  readonly command: string;
  readonly flag: string;
  readonly shorthand: string;
  readonly type: string;
  readonly default: string;
  readonly notes: string;
}

const beside = join(projectRoot, '../shared/specs/cli-flags.tsv');

/** The table of all flags of the docker CLI: DOCKER_CLI_FLAGS names it, or it lies beside the project; no part of it. */
export const tablePath = process.env['DOCKER_CLI_FLAGS'] ?? (existsSync(beside) ? beside : '');

export function readTable(): Flag[] {
  return readFileSync(tablePath, 'utf8')
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => {
      const [command = '', flag = '', shorthand = '', type = '', standard = '', , notes = ''] = line.split('\t');
      return { command, flag, shorthand, type, default: standard, notes };
    });
}
