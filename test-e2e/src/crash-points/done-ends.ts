import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Victim } from './control';

/** Ends that were made by former runs, a line each (operation, service and number of the step, by tabs): a long run goes on where another one stopped. */
export class DoneEnds {
  private readonly known: Set<string>;

  /** @param file none: nothing is known, and nothing kept */
  constructor(private readonly file: string | undefined) {
    this.known = new Set(file !== undefined && existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []);
  }

  has(operation: string, victim: Victim, step: number): boolean {
    return this.known.has(lineOf(operation, victim, step));
  }

  add(operation: string, victim: Victim, step: number): void {
    this.known.add(lineOf(operation, victim, step));
    if (this.file !== undefined) appendFileSync(this.file, `${lineOf(operation, victim, step)}\n`);
  }
}

const lineOf = (operation: string, victim: Victim, step: number): string => `${operation}\t${victim}\t${step}`;
