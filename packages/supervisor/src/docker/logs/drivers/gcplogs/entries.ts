import { unavailable } from '@gantry/rpc';
import type { LogMessage, LogTarget } from '../driver';
import type { HttpClient } from '../wires/http';
import type { Instance, Machine } from './instance';
import type { Tokens } from './token';

const LOG = 'gcplogs-docker-driver';

/** Makes entries of a container's lines, each as JSON. */
export function entriesOf({ options, subject }: LogTarget, instance: Instance | undefined): (message: LogMessage) => Buffer {
  const { attributes } = subject;
  const container = {
    name: `/${subject.name}`,
    id: subject.id,
    imageName: subject.imageName,
    imageId: subject.imageId,
    created: subject.created,
    ...(options['gcp-log-cmd'] === 'true' ? { command: subject.command } : {}),
    ...(Object.keys(attributes).length === 0 ? {} : { metadata: attributes }),
  };
  const common = JSON.stringify({ ...(instance === undefined ? {} : { instance }), container }).slice(0, -1);
  return ({ line, time }) =>
    Buffer.from(`{"timestamp":${JSON.stringify(time)},"jsonPayload":${common}${line === '' ? '' : `,"message":${JSON.stringify(line)}`}}}`);
}

/** Cloud Logging's entries.write. */
export class EntryWriter {
  private readonly head: string;
  private readonly ping: string;

  constructor(
    private readonly needs: { readonly client: HttpClient; readonly tokens: Tokens; readonly endpoint: URL },
    { project, instance }: Machine,
  ) {
    const nameOf = (log: string): string => `projects/${project}/logs/${encodeURIComponent(log)}`;
    const everywhere = { type: 'global', labels: { project_id: project } };
    const resource =
      instance === undefined
        ? everywhere
        : { type: 'gce_instance', labels: { project_id: project, instance_id: instance.id ?? '', zone: instance.zone ?? '' } };
    this.head = JSON.stringify({ logName: nameOf(LOG), resource }).slice(0, -1);
    // The same time and id each time: it is kept once.
    const entry = { timestamp: '1970-01-01T00:00:00Z', insertId: 'ping', textPayload: 'ping' };
    this.ping = JSON.stringify({ logName: nameOf('ping'), resource: everywhere, entries: [entry] });
  }

  /** Throws unavailable when what is written would not be taken. */
  async check(signal: AbortSignal): Promise<void> {
    await this.post(Buffer.from(this.ping), signal);
  }

  async write(entries: readonly Buffer[], signal: AbortSignal): Promise<void> {
    const parts = entries.flatMap((entry, index) => (index === 0 ? [entry] : [COMMA, entry]));
    await this.post(Buffer.concat([Buffer.from(`${this.head},"entries":[`), ...parts, Buffer.from(']}')]), signal);
  }

  private async post(body: Buffer, signal: AbortSignal): Promise<void> {
    const { client, tokens, endpoint } = this.needs;
    const headers = { Authorization: `Bearer ${await tokens.get(signal)}`, 'Content-Type': 'application/json' };
    const { status, statusText, text } = await client.ask({ method: 'POST', url: endpoint, headers, body }, signal);
    if (status !== 200) throw unavailable(told(text) ?? `${statusText}: ${text.slice(0, 1024)}`);
  }
}

const COMMA = Buffer.from(',');

/** As clients of gRPC tell it: `rpc error: code = PermissionDenied desc = …`. */
function told(text: string): string | undefined {
  try {
    const { status, message } = (JSON.parse(text) as { error: { status: string; message: string } }).error;
    const code = status.toLowerCase().replace(/(?:^|_)(.)/g, (_whole, letter: string) => letter.toUpperCase());
    return `rpc error: code = ${code} desc = ${message}`;
  } catch {
    return undefined;
  }
}
