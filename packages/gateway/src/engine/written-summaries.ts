import { randomUUID } from 'node:crypto';
import { type ApiVersion, messageCodec } from '@gantry/docker-api';
import type { ListedContainer, ListResponse } from '@gantry/api/gantry/engine/v1/containers';
import { ContainerSummary } from '@gantry/api/gantry/engine/v1/types';

/** JSON of a container up to its status, and behind it. */
interface Written {
  /** Of the API. */
  readonly version: string;
  readonly head: string;
  readonly tail: string;
}

/** Stands in for the status where the JSON is cut; no label can have it. */
const STATUS = randomUUID();

/** Entries beyond twice the containers that there are. */
const SPARE = 64;

/** Rows of GET /containers/json as they were written before: most of a long list is what the last one was. */
export class WrittenSummaries {
  private readonly rows = new Map<number, Written>();
  private epoch = '';

  /** Number of rows that are kept. */
  get size(): number {
    return this.rows.size;
  }

  /** The rows of one part of a list, with commas between them. */
  json({ containers, epoch, known }: ListResponse, version: ApiVersion): string {
    if (epoch !== this.epoch) this.rows.clear();
    this.epoch = epoch;
    let all = '';
    for (const listed of containers) all += `${all === '' ? '' : ','}${this.row(listed, version)}`;
    this.trim(known);
    return all;
  }

  private row({ row, summary, status, sizeRw, sizeRootFs }: ListedContainer, version: ApiVersion): string {
    if (sizeRw !== undefined || sizeRootFs !== undefined)
      return text({ ...ContainerSummary.decode(summary), Status: status, SizeRw: sizeRw, SizeRootFs: sizeRootFs }, version);
    let known = this.rows.get(row);
    if (known?.version !== version.text) {
      const [head = '', tail = ''] = text({ ...ContainerSummary.decode(summary), Status: STATUS }, version).split(STATUS);
      known = { version: version.text, head, tail };
      this.rows.set(row, known);
    }
    return known.head + JSON.stringify(status).slice(1, -1) + known.tail;
  }

  /** Lets the oldest rows go where there are more than so many containers can have. */
  private trim(containers: number): void {
    if (this.rows.size <= 2 * containers + SPARE) return;
    let beyond = this.rows.size - containers;
    for (const row of this.rows.keys()) {
      if (beyond-- <= 0) return;
      this.rows.delete(row);
    }
  }
}

const text = (summary: ContainerSummary, version: ApiVersion): string =>
  JSON.stringify(messageCodec('ContainerSummary').write(summary, version));
