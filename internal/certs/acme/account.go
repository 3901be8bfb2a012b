package acme

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// account returns the account at the authority: the one in the storage, else a new one that goes
// there.
func (i *issuer) account(ctx context.Context, client *acme.Client) (acme.Account, error) {
	i.registering.Lock()
	defer i.registering.Unlock()
	a, err := i.storedAccount(ctx)
	if err == nil && a.Status == acme.StatusValid || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	return i.register(ctx, client)
}

// register makes an account, unless another process that shares the storage is just doing so.
func (i *issuer) register(ctx context.Context, client *acme.Client) (acme.Account, error) {
	lock := "account_" + i.accountKey("")
	if err := i.storage.Lock(ctx, lock); err != nil {
		return acme.Account{}, fmt.Errorf("locking the account: %w", err)
	}
	defer func() { _ = i.storage.Unlock(ctx, lock) }() // an orphaned lock ends by itself
	if a, err := i.storedAccount(ctx); err == nil && a.Status == acme.StatusValid {
		return a, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return acme.Account{}, err
	}
	a := acme.Account{PrivateKey: key, TermsOfServiceAgreed: true}
	if i.config.Email != "" {
		a.Contact = []string{"mailto:" + i.config.Email}
	}
	if eab := i.config.EAB; eab != nil {
		binding := acme.EAB{KeyID: eab.KeyID, MACKey: strings.TrimRight(eab.HMAC.Reveal(), "=")}
		if err := a.SetExternalAccountBinding(ctx, client, binding); err != nil {
			return a, fmt.Errorf("binding the account: %w", err)
		}
	}
	if a, err = client.NewAccount(ctx, a); err != nil {
		return a, fmt.Errorf("registering the account: %w", err)
	}
	return a, i.storeAccount(ctx, a)
}

// accountKey returns where in the storage a part of the account lies. Each authority and address has
// its own.
func (i *issuer) accountKey(part string) string {
	who := i.config.Email
	if who == "" {
		who = "default"
	}
	return path.Join("accounts", certmagic.StorageKeys.Safe(i.IssuerKey()), certmagic.StorageKeys.Safe(who)+part)
}

func (i *issuer) storedAccount(ctx context.Context) (a acme.Account, err error) {
	text, err := i.storage.Load(ctx, i.accountKey(".json"))
	if err != nil {
		return a, err
	}
	pem, err := i.storage.Load(ctx, i.accountKey(".key"))
	if err != nil {
		return a, err
	}
	key, err := certmagic.PEMDecodePrivateKey(pem)
	if err != nil || json.Unmarshal(text, &a) != nil {
		return acme.Account{}, fs.ErrNotExist // of no use: as if it were not there
	}
	a.PrivateKey = key
	return a, nil
}

// storeAccount writes the key first: without it, the rest counts for nothing.
func (i *issuer) storeAccount(ctx context.Context, a acme.Account) error {
	pem, err := certmagic.PEMEncodePrivateKey(a.PrivateKey)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(a, "", "\t")
	if err != nil {
		return err
	}
	if err := i.storage.Store(ctx, i.accountKey(".key"), pem); err != nil {
		return fmt.Errorf("storing the account: %w", err)
	}
	if err := i.storage.Store(ctx, i.accountKey(".json"), text); err != nil {
		return fmt.Errorf("storing the account: %w", err)
	}
	return nil
}

// forgetAccount drops an account that the authority does not know.
func (i *issuer) forgetAccount(ctx context.Context) error {
	return i.storage.Delete(ctx, i.accountKey(".json"))
}
