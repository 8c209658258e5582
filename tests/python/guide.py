import requests
license_key = "RL-XXXXXXXX-XXXXXXXX-XXXXXXXX"
with open('data.csv', 'rb') as f:
    response = requests.post('http://localhost:8080/user-data/files/upload',
                             headers={'X-License-Key': license_key}, files={'file': f})
files = requests.get('http://localhost:8080/user-data/files', params={'license_key': license_key}).json()['files']
response = requests.get(f"http://localhost:8080/user-data/files/{files[0]['id']}/download", params={'license_key': license_key})
