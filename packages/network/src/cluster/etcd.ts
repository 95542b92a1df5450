import { type ChannelCredentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  Compare,
  Compare_CompareResult,
  Compare_CompareTarget,
  Event_EventType,
  KVClient,
  LeaseClient,
  type LeaseGrantResponse,
  RangeRequest,
  type RangeResponse,
  RequestOp,
  TxnRequest,
  type TxnResponse,
  WatchClient,
  WatchRequest,
  type WatchResponse,
} from '@gantry/api/etcd/etcdserverpb/rpc';
import { after } from '@gantry/rpc';
import type { Change, Condition, News, SharedStore, Snapshot } from './shared-store';

/** How long a call may take: whoever starts a container waits for it. */
const CALL_MS = 4_000;

/** A gRPC channel to one of etcd's members, or to whoever answers of several addresses. */
const CHANNEL = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.use_local_subchannel_pool': 1,
  // Members are near: what the environment says of a proxy is for images.
  'grpc.enable_http_proxy': 0,
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 5_000,
} as const;

type Callback<T> = (error: ServiceError | null, response: T) => void;

/** etcd's v3 API. All members see the same: which one answers does not matter. */
export class EtcdStore implements SharedStore {
  readonly #kv: KVClient;
  readonly #lease: LeaseClient;
  readonly #watch: WatchClient;

  constructor(
    /** host:port of a member. */
    readonly name: string,
    credentials: ChannelCredentials,
  ) {
    this.#kv = new KVClient(name, credentials, CHANNEL);
    this.#lease = new LeaseClient(name, credentials, CHANNEL);
    this.#watch = new WatchClient(name, credentials, CHANNEL);
  }

  async list(prefix: string): Promise<Snapshot> {
    const request = RangeRequest.create(range(prefix));
    const { header, kvs } = await this.#call<RangeResponse>((meta, done) => this.#kv.range(request, meta, deadline(), done));
    const entries = kvs.map(({ key, value, modRevision }) => ({ key: key.toString(), value: value.toString(), revision: modRevision }));
    return { entries, revision: header?.revision ?? 0n };
  }

  async commit(conditions: readonly Condition[], changes: readonly Change[], lease = 0n): Promise<boolean> {
    const request = TxnRequest.create({
      compare: conditions.map(compare),
      success: changes.map((change) => operation(change, lease)),
    });
    const { succeeded } = await this.#call<TxnResponse>((meta, done) => this.#kv.txn(request, meta, deadline(), done));
    return succeeded;
  }

  async grant(seconds: number): Promise<bigint> {
    const request = { TTL: BigInt(seconds), ID: 0n };
    const { ID } = await this.#call<LeaseGrantResponse>((meta, done) => this.#lease.leaseGrant(request, meta, deadline(), done));
    return ID;
  }

  keep(lease: bigint): Promise<boolean> {
    const call = this.#lease.leaseKeepAlive(new Metadata({ waitForReady: true }), deadline());
    return new Promise((resolve, reject) => {
      call.on('data', ({ TTL }: { readonly TTL: bigint }) => {
        resolve(TTL > 0n);
        call.end();
      });
      call.on('error', reject);
      call.on('end', () => reject(new Error(`${this.name} did not say whether the lease lives`)));
      call.write({ ID: lease });
    });
  }

  async revoke(lease: bigint): Promise<void> {
    await this.#call((meta, done) => this.#lease.leaseRevoke({ ID: lease }, meta, deadline(), done));
  }

  watch(
    prefix: string,
    revision: bigint,
    { tell, signal }: { readonly tell: (news: readonly News[]) => void; readonly signal: AbortSignal },
  ): Promise<void> {
    const call = this.#watch.watch(new Metadata({ waitForReady: true }));
    return new Promise<void>((resolve, reject) => {
      const late = after(CALL_MS, () => call.destroy(new Error(`${this.name} did not begin to watch`)), { ref: false });
      const end = (): void => {
        call.cancel();
        resolve();
      };
      if (signal.aborted) return end();
      signal.addEventListener('abort', end, { once: true });
      call.on('data', ({ created, canceled, cancelReason, events }: WatchAnswer) => {
        if (created) late.cancel();
        if (canceled) return call.destroy(new Error(`${this.name} ended the watch: ${cancelReason}`));
        if (events.length > 0) tell(events.map(newsOf));
      });
      const over = (error: Error): void => {
        late.cancel();
        signal.removeEventListener('abort', end);
        reject(error);
      };
      call.on('error', over);
      call.on('end', () => over(new Error(`${this.name} ended the watch`)));
      call.write(WatchRequest.create({ createRequest: { ...range(prefix), startRevision: revision + 1n } }));
    });
  }

  close(): void {
    for (const client of [this.#kv, this.#lease, this.#watch]) client.close();
  }

  #call<T>(start: (meta: Metadata, done: Callback<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      start(new Metadata({ waitForReady: true }), (error, response) => (error === null ? resolve(response) : reject(error)));
    });
  }
}

type WatchAnswer = Pick<WatchResponse, 'created' | 'canceled' | 'cancelReason' | 'events'>;

const deadline = (): { readonly deadline: number } => ({ deadline: Date.now() + CALL_MS });

const newsOf = ({ type, kv }: WatchAnswer['events'][number]): News => {
  const key = kv?.key.toString() ?? '';
  return type === Event_EventType.DELETE ? { key } : { key, value: kv?.value.toString() ?? '' };
};

/** All keys that begin so: up to the prefix with its last byte one higher, which none of ours has at its most. */
function range(prefix: string): { readonly key: Buffer; readonly rangeEnd: Buffer } {
  const key = Buffer.from(prefix);
  const rangeEnd = Buffer.from(key);
  rangeEnd.writeUInt8(rangeEnd.readUInt8(rangeEnd.length - 1) + 1, rangeEnd.length - 1);
  return { key, rangeEnd };
}

function compare(condition: Condition): Compare {
  const { EQUAL, GREATER } = Compare_CompareResult;
  const { CREATE, MOD } = Compare_CompareTarget;
  if ('prefix' in condition) return Compare.create({ ...range(condition.prefix), result: EQUAL, target: CREATE, createRevision: 0n });
  const key = Buffer.from(condition.key);
  if ('revision' in condition) return Compare.create({ key, result: EQUAL, target: MOD, modRevision: condition.revision });
  return Compare.create({ key, result: condition.is === 'there' ? GREATER : EQUAL, target: CREATE, createRevision: 0n });
}

function operation(change: Change, lease: bigint): RequestOp {
  if ('drop' in change) return RequestOp.create({ requestDeleteRange: { key: Buffer.from(change.drop) } });
  const put = { key: Buffer.from(change.put), value: Buffer.from(change.value), lease: change.leased ? lease : 0n };
  return RequestOp.create({ requestPut: put });
}
