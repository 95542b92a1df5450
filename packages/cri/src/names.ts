import { failedPrecondition } from '@gantry/rpc';

/** Names of pods and containers that are there, or are just being made: a second one of the same name is refused. */
export class Names {
  private readonly held = new Map<string, string>();

  /** Throws failedPrecondition where another id has it. */
  reserve(kind: 'sandbox' | 'container', name: string, id: string): void {
    const holder = this.held.get(`${kind} ${name}`);
    if (holder !== undefined && holder !== id)
      throw failedPrecondition(`failed to reserve ${kind} name "${name}": name "${name}" is reserved for "${holder}"`);
    this.held.set(`${kind} ${name}`, id);
  }

  /** All names of an id are free. */
  release(id: string): void {
    for (const [name, holder] of this.held) if (holder === id) this.held.delete(name);
  }
}
