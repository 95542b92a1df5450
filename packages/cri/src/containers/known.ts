import type { ContainersService } from '@gantry/api/containerd/services/containers/v1/containers';
import type { CallContext, ServiceClient } from '@gantry/rpc';
import { getContainer, listContainers } from './find';
import type { Contained } from './record';

type Containers = ServiceClient<typeof ContainersService>;

/**
 * The containers of pods as the last look found them, for lists of all: those whose record has changed since are read again, the others are not. What changes
 * is heard of: our own writes at once (`watched`), those of other clients of the supervisor with its events. While these are not heard (`forget`) all are
 * read each time. Of a record neither config.json nor extensions are kept.
 */
export class KnownContainers {
  private readonly all = new Map<string, Contained>();
  private readonly stale = new Set<string>();
  private whole = false;
  private hearing = false;
  /** How often it was forgotten: what was asked for before tells nothing after. */
  private epoch = 0;
  private reading: Promise<void> = Promise.resolve();
  private reads = 0;

  constructor(readonly services: { readonly containers: Pick<Containers, 'list' | 'get'> }) {}

  /** From now on each change is told by `changed`. */
  hear(): void {
    this.hearing = true;
  }

  forget(): void {
    this.hearing = false;
    this.whole = false;
    this.epoch++;
  }

  changed(id: string): void {
    this.stale.add(id);
  }

  /** In order of creation. */
  async list(ctx: CallContext): Promise<readonly Contained[]> {
    // A read that is under way may have begun before the change that this caller has seen: another one follows it.
    if (this.hearing && (this.reads > 0 || !this.whole || this.stale.size > 0)) await this.read(ctx);
    return this.whole ? [...this.all.values()] : listContainers(this, ctx);
  }

  private read(ctx: CallContext): Promise<void> {
    this.reads++;
    const work = this.reading.then(() => this.readStale(ctx)).finally(() => this.reads--);
    this.reading = work.catch(() => undefined);
    return work;
  }

  private async readStale(ctx: CallContext): Promise<void> {
    const ids = [...this.stale];
    this.stale.clear();
    try {
      if (!this.whole) {
        const { epoch } = this;
        const found = await listContainers(this, ctx);
        if (!this.hearing || epoch !== this.epoch) return;
        this.all.clear();
        for (const container of found) this.keep(container);
        this.whole = true;
        return;
      }
      for (const [at, container] of (await Promise.all(ids.map((id) => getContainer(this, ctx, id)))).entries())
        if (container === undefined) this.all.delete(ids[at] ?? '');
        else this.keep(container);
    } catch (error) {
      for (const id of ids) this.stale.add(id);
      throw error;
    }
  }

  private keep(container: Contained): void {
    this.all.set(container.id, { ...container, record: { ...container.record, spec: undefined, extensions: {} } });
  }
}

/** A client of the records that tells of what it changes, when it is done: a list that begins then reads it again. */
export function watched(containers: Containers, changed: (id: string) => void): Containers {
  const telling = async <T>(id: string, work: Promise<T>): Promise<T> => work.finally(() => changed(id));
  return {
    ...containers,
    create: (ctx, request, options) => telling(request.container?.id ?? '', containers.create(ctx, request, options)),
    update: (ctx, request, options) => telling(request.container?.id ?? '', containers.update(ctx, request, options)),
    delete: (ctx, request, options) => telling(request.id, containers.delete(ctx, request, options)),
  };
}
