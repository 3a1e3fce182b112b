/** The person's own device signs: asks it over the statement that the server shows, as JSON both ways. */

/** @typedef {{challenge: string, rpId: string, timeout?: number, userVerification?: UserVerificationRequirement,
 *   allowCredentials?: {id: string, type: "public-key"}[]}} AskedJson */

/** @param {string} text base64url @returns {Uint8Array<ArrayBuffer>} */
function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}

/** @param {ArrayBuffer} buffer */
function textOf(buffer) {
  const plain = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Whether this page may ask for a passkey at all: a secure context whose browser knows how. */
export const canAsk = () => globalThis.isSecureContext && "PublicKeyCredential" in globalThis;

/** @param {AskedJson} asked @returns {Promise<object>} the assertion as the server reads it */
export async function assertion(asked) {
  const found = await navigator.credentials.get({
    publicKey: {
      challenge: bytesOf(asked.challenge), rpId: asked.rpId, timeout: asked.timeout, userVerification: asked.userVerification,
      allowCredentials: (asked.allowCredentials ?? []).map((one) => ({ type: one.type, id: bytesOf(one.id) })),
    },
  });
  if (!(found instanceof PublicKeyCredential) || !(found.response instanceof AuthenticatorAssertionResponse)) throw new Error("No passkey answered");
  const { clientDataJSON, authenticatorData, signature, userHandle } = found.response;
  return {
    id: found.id, rawId: textOf(found.rawId), type: found.type, clientExtensionResults: {},
    response: {
      clientDataJSON: textOf(clientDataJSON), authenticatorData: textOf(authenticatorData), signature: textOf(signature),
      ...(userHandle ? { userHandle: textOf(userHandle) } : {}),
    },
  };
}
