// A real OpenID provider (oidc-provider) with two people in groups, for the bar of single sign-on.
// Arguments: port, redirect URI, folder of node_modules, JSON {"login": ["group", …]}.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [port, redirect, folder, people] = process.argv.slice(2);
const found = createRequire(`${folder}/`).resolve("oidc-provider");
const { default: Provider } = await import(pathToFileURL(found).href);
const groups = JSON.parse(people);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id: "annot", client_secret: "annot-secret", redirect_uris: [redirect] }],
  claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `Dr ${id}`, preferred_username: id, groups: groups[id] ?? [] }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("READY"));
