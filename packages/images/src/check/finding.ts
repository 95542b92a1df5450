import { errorText } from '@gantry/rpc';

/** One thing that is wrong with the store. */
export interface Finding {
  /** missing: recorded and not there; altered: other bytes than its digest or layer says; orphaned: there and held by nothing; dangling: a record
   * that points nowhere; leftover: of an operation that is over. */
  readonly problem: 'missing' | 'altered' | 'orphaned' | 'dangling' | 'leftover';
  readonly object: 'blob' | 'image' | 'snapshot' | 'ingest' | 'lease' | 'file';
  /** Digest, key or path. */
  readonly id: string;
  readonly namespace: string;
  readonly detail: string;
  /** Puts it right and says how; throws why it cannot be. */
  readonly repair: () => Promise<string> | string;
}

export interface Told extends Omit<Finding, 'repair'> {
  readonly repaired: boolean;
  /** What was done, or why nothing could be; empty when nothing was tried. */
  readonly outcome: string;
}

/** Puts a finding right when asked, and tells how that went. */
export async function settle({ repair, ...finding }: Finding, asked: boolean): Promise<Told> {
  if (!asked) return { ...finding, repaired: false, outcome: '' };
  try {
    return { ...finding, repaired: true, outcome: await repair() };
  } catch (error) {
    return { ...finding, repaired: false, outcome: errorText(error) };
  }
}
