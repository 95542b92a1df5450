import { invalidArgument } from '@gantry/rpc';
import type { StageState } from './state';

/** All stages of a build, in order, the implicit ones behind those of the file. */
export class StageStates {
  readonly all: StageState[] = [];
  private readonly byName = new Map<string, StageState>();

  add(state: StageState): void {
    this.all.push(state);
    const base = this.byName.get(state.baseName);
    if (base !== undefined) {
      state.base = base;
      state.outline = base.outline.copy();
    }
    if (state.stage.stage !== '') this.byName.set(state.stage.stage.toLowerCase(), state);
  }

  named(name: string): StageState | undefined {
    return this.byName.get(name.toLowerCase());
  }

  at(index: number): StageState {
    const found = this.all[index];
    if (found === undefined) throw invalidArgument(`invalid stage index ${index}`);
    return found;
  }

  get names(): string[] {
    return this.all.map(({ shownName }) => shownName).filter((name) => name !== '');
  }

  get last(): StageState {
    return this.at(this.all.length - 1);
  }
}

/** The stages that a stage needs, itself among them. */
export function reachable(target: StageState): Set<StageState> {
  const found = new Set<StageState>();
  const waiting = [target];
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    if (found.has(state)) continue;
    found.add(state);
    if (state.base !== undefined) waiting.push(state.base);
    waiting.push(...state.deps.keys());
  }
  return found;
}
