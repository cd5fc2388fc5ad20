import { createHmacSigner } from "../../adapters/signer/hmac.ts";
import { signerContract } from "./signer.suite.ts";

signerContract("HMAC", createHmacSigner);
