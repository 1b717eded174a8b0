// main URL PHOTO PAINTING OUTPUT: paints by the client that openapi-generator makes for Go.
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"time"

	nst "github.com/example/nst"
)

func main() {
	configuration := nst.NewConfiguration()
	configuration.Servers = nst.ServerConfigurations{{URL: os.Args[1]}}
	client, background := nst.NewAPIClient(configuration), context.Background()
	photo, art := read(os.Args[2]), read(os.Args[3])

	style := nst.NewStyleBody([]nst.StyleImageBody{*nst.NewStyleImageBody(nst.StyleImageBodyImage{String: &art})})
	_, _, err := client.StylesAPI.SaveStyle(background, "generated-go").StyleBody(*style).Execute()
	check(err)

	body := nst.NewTransferBody(nst.ScoreBodyContent{String: &photo})
	entry := nst.NewStyleEntry()
	entry.SetPreset("generated-go")
	body.SetStyles([]nst.StyleEntry{*entry})
	body.SetSize(64)
	body.SetIterations(3)
	job, _, err := client.TransfersAPI.CreateTransfer(background).TransferBody(*body).Prefer("wait=5").Execute()
	check(err)
	for job.Status == "queued" || job.Status == "running" {
		time.Sleep(200 * time.Millisecond)
		job, _, err = client.TransfersAPI.GetTransfer(background, job.Id).Execute()
		check(err)
	}
	if job.Options.Size != 64 {
		panic(fmt.Sprint(job.Options))
	}
	picture, _, err := client.TransfersAPI.GetTransferImage(background, job.Id).Execute()
	check(err)
	data, err := io.ReadAll(picture)
	check(err)
	check(os.WriteFile(os.Args[4], data, 0o644))
}

func read(path string) string {
	data, err := os.ReadFile(path)
	check(err)
	return base64.StdEncoding.EncodeToString(data)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
