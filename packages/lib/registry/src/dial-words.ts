/** Why a server was not reached, in Go's words, which people know from docker: for reading only. (Of what OpenSSL found Node keeps a text alone.) */
export function dialWords(error: NodeJS.ErrnoException, url: URL): string {
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(error.code ?? '')) return `tls: failed to verify certificate: ${error.message}`;
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'ECONNREFUSED') return `dial tcp ${address ?? url.hostname}:${port ?? url.port}: connect: connection refused`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${url.hostname}: no such host`;
  if (code === 'EAI_AGAIN') return `dial tcp: lookup ${url.hostname}: Temporary failure in name resolution`;
  if (code === 'EPROTO' && /wrong version number|packet length too long/.test(error.message))
    return 'http: server gave HTTP response to HTTPS client';
  return syscall === undefined ? error.message : `${syscall}: ${error.message}`;
}
