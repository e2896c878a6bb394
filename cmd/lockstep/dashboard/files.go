package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed static
var static embed.FS

// types are the media types of the files. The system's table is not asked: it may
// say otherwise, and nosniff makes a browser believe it.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// fileNames lists what is embedded.
func fileNames() (names []string) {
	entries, err := fs.ReadDir(static, "static")
	if err != nil {
		panic(err) // it is part of the program
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// file serves one embedded file. A browser keeps it, and asks whether it is still
// the same.
func file(name string) http.HandlerFunc {
	content, err := static.ReadFile(path.Join("static", name))
	if err != nil {
		panic(err) // it is part of the program
	}
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", types[path.Ext(name)])
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	}
}
