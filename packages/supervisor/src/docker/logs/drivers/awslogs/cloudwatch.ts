import { hash } from 'node:crypto';
import { signV4 } from '@gantry/aws';
import { errorText, GantryError, unavailable } from '@gantry/rpc';
import type { HttpAnswer, HttpClient } from '../wires/http';
import type { CredentialSource } from './credentials';

const SERVICE = 'logs';
/** Errors that the service's model gives an operation; all others are told as `api error`. */
const MODELED = new Set(
  [
    'DataAlreadyAccepted',
    'InvalidParameter',
    'InvalidSequenceToken',
    'LimitExceeded',
    'OperationAborted',
    'ResourceAlreadyExists',
    'ResourceNotFound',
  ]
    .concat(['ServiceUnavailable', 'UnrecognizedClient'])
    .map((name) => `${name}Exception`),
);

export type Operation = 'CreateLogGroup' | 'CreateLogStream' | 'PutLogEvents';

/** The service answered that it does not. */
export class RefusedByCloudWatch extends GantryError {
  constructor(
    /** `ResourceNotFoundException` and the like. */
    readonly code: string,
    readonly details: Readonly<Record<string, unknown>>,
    message: string,
  ) {
    super('unavailable', message);
  }
}

export interface CloudWatchNeeds {
  readonly client: HttpClient;
  readonly credentials: CredentialSource;
  readonly region: string;
  readonly endpoint: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** CloudWatch Logs, as far as lines are written to it. */
export class CloudWatch {
  constructor(private readonly needs: CloudWatchNeeds) {}

  /** Throws RefusedByCloudWatch, or unavailable, in the words of AWS's SDK for Go. */
  async call(operation: Operation, request: object, signal: AbortSignal): Promise<Record<string, unknown>> {
    const answer = await this.ask(operation, Buffer.from(JSON.stringify(request)), signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw unavailable(`operation error CloudWatch Logs: ${operation}, ${errorText(error)}`, { cause: error });
    });
    const said = parsed(answer.text);
    if (answer.status === 200) return said;
    const code = nameOf(said['__type'] ?? answer.headers['x-amzn-errortype'] ?? 'UnknownError');
    const text = typeof said['message'] === 'string' ? said['message'] : String(said['Message'] ?? '');
    const id = String(answer.headers['x-amzn-requestid'] ?? '');
    throw new RefusedByCloudWatch(
      code,
      said,
      `operation error CloudWatch Logs: ${operation}, https response error StatusCode: ${answer.status}, RequestID: ${id}, ${MODELED.has(code) ? '' : 'api error '}${code}: ${text}`,
    );
  }

  private async ask(operation: Operation, body: Buffer, signal: AbortSignal): Promise<HttpAnswer> {
    const { client, credentials, region, endpoint, headers } = this.needs;
    const request = {
      method: 'POST',
      url: endpoint,
      body,
      headers: { ...headers, 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': `Logs_20140328.${operation}` },
    } as const;
    const keys = await credentials.get(signal);
    // Unsigned, as by others: there are proxies that change it.
    const given = {
      ...signV4({ ...request, payload: hash('sha256', body), region, service: SERVICE, at: new Date() }, keys),
      'User-Agent': 'Gantry',
    };
    return client.ask({ ...request, headers: given }, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw unavailable(`https response error StatusCode: 0, RequestID: , request send failed, ${errorText(error)}`, { cause: error });
    });
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text === '' ? '{}' : text) as Record<string, unknown>;
  } catch {
    return { message: text.slice(0, 1024) };
  }
}

/** `com.amazonaws.logs#ResourceNotFoundException:http://…` and `ResourceNotFoundException` are one. */
const nameOf = (type: unknown): string => String(type).replace(/:.*$/s, '').replace(/^.*#/s, '');
